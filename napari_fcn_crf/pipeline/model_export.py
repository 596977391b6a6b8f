"""Export of trained models to files that other programs run: packages, ONNX and TorchScript."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline.prediction import check_prediction_input, predict
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.quoting import quoted

if TYPE_CHECKING:
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.pipeline.models import Model

_EXAMPLE_PX = 256


def export_model(
    model: Model,
    path: str | Path,
    *,
    image: Any = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Path:
    """Write a trained network for programs that know nothing of this one.

    The network in the file takes an image as it is, of any size, and gives class probabilities:
    the mapping of intensities that was fitted to the training images, and the continuation of rows
    and columns to multiples of 32, are part of it.

    Parameters
    ----------
    model : Model
    path : path
        `.onnx` for ONNX Runtime, OpenCV and others; `.pt` for TorchScript; `.zip` for a bioimage.io
        package, format 0.5, with the network for Keras, as ONNX, where this runs on TensorFlow as
        its saved model, and where PyTorch is installed as TorchScript. What is there is replaced.
    image : array or Picture, optional
        Example that goes into a package, as `predict` takes it: up to 256 x 256 pixels of its
        middle. A made-up one if not given.
    on_progress : callable, optional
        Is given a `Progress` before each format.
    should_stop : callable, optional
        Is asked then whether to go on.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the ending is another one, or the image does not suit the model.
    ImportError
        If what writes such files is not installed; the message says how to.
    Cancelled
        If it was stopped.
    OSError
        If it cannot be written; there is no half of it then.
    """
    path = Path(path)
    check_ending(path)
    ending = path.suffix.lower()
    _require("onnx", '"napari-fcn-crf[export]"')
    if ending == ".pt":
        _require("torch", "torch")

    def report(latest: Progress) -> None:
        if should_stop is not None and should_stop():
            raise Cancelled
        if on_progress is not None:
            on_progress(latest)

    with atomic_path(path) as temporary:
        _WRITERS[ending](model, temporary, image, report)
        report(Progress("Writing", 1, 1))
    return path


def check_ending(path: Path) -> None:
    """Refuse a file's name that does not say what is written.

    Raises
    ------
    ValueError
        With the endings that do.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            f"Expected a file that ends in {' or '.join(_WRITERS)}, but {quoted(path.name)} does "
            "not. The ending says what is written."
        )


def _require(module: str, installed_as: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ImportError(
            f"Exporting a model needs the package {module}, which is not installed. Install it "
            f"with: pip install {installed_as}"
        )


def _write_onnx(model: Model, path: Path, image: Any, on_progress: OnProgress) -> None:
    _write_alone("onnx", model, path, on_progress)


def _write_torch_script(model: Model, path: Path, image: Any, on_progress: OnProgress) -> None:
    _write_alone("torchscript", model, path, on_progress)


def _write_alone(name: str, model: Model, path: Path, on_progress: OnProgress) -> None:
    from napari_fcn_crf.fcn.elsewhere.weights_formats import WEIGHTS_FORMATS, Trained

    chosen = WEIGHTS_FORMATS[name]
    on_progress(Progress(f"Writing for {chosen.title}"))
    chosen.write(Trained(model.network, model.card), path)


def _write_package(model: Model, path: Path, image: Any, on_progress: OnProgress) -> None:
    from napari_fcn_crf.fcn.elsewhere.bioimageio_package import write_package
    from napari_fcn_crf.fcn.elsewhere.weights_formats import Trained

    card = model.card
    example = _made_up(card) if image is None else _middle(check_prediction_input(card, image))
    on_progress(Progress("Predicting an example"))
    probabilities = predict(model, example, axes="yxc", intensity="model")
    write_package(path, Trained(model.network, card), example, probabilities, on_progress)


def _middle(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pixels `(rows, columns, channels)` of the middle plane of `(*spatial, channels)`."""
    plane: npt.NDArray[Any] = image[tuple(side // 2 for side in image.shape[:-3])]
    starts = [max(0, side - _EXAMPLE_PX) // 2 for side in plane.shape[:2]]
    rows, columns = (slice(start, start + _EXAMPLE_PX) for start in starts)
    middle: npt.NDArray[Any] = plane[rows, columns]
    return middle


def _made_up(card: ModelCard) -> npt.NDArray[Any]:
    """Return waves within the range that the model was trained on, in its images' type."""
    low, high = (np.array(ends) for ends in (card.intensity.low, card.intensity.high))
    rows, columns = np.mgrid[:_EXAMPLE_PX:4, :_EXAMPLE_PX:4] / 10
    phases = np.arange(card.channels)
    waves = 0.5 + np.sin(rows[..., np.newaxis] + phases) * np.cos(columns[..., np.newaxis]) / 2
    values = low + waves * (high - low)
    dtype = np.dtype(card.intensity.dtype or "float32")
    is_binary = dtype.kind == "b"
    made_up: npt.NDArray[Any] = (waves > 0.5) if is_binary else values.astype(dtype)
    return made_up


_WRITERS: dict[str, Callable[[Model, Path, Any, OnProgress], None]] = {
    ".zip": _write_package,
    ".onnx": _write_onnx,
    ".pt": _write_torch_script,
}

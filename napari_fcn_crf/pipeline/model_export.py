"""Export of trained models to files that other programs run: ONNX and bioimage.io packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline.prediction import check_prediction_input, predict
from napari_fcn_crf.quoting import quoted

if TYPE_CHECKING:
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.pipeline.models import Model

_EXAMPLE_PX = 256


def export_model(model: Model, path: str | Path, *, image: Any = None) -> Path:
    """Write a trained network for programs that know nothing of this one.

    The network in the file takes an image as it is, of any size, and gives class probabilities:
    the mapping of intensities that was fitted to the training images, and the continuation of rows
    and columns to multiples of 32, are part of it.

    Parameters
    ----------
    model : Model
    path : path
        `.onnx` for ONNX Runtime, OpenCV and others; `.zip` for a bioimage.io package, format 0.5,
        with ONNX weights. What is there is replaced.
    image : array or Picture, optional
        Example that goes into a package, as `predict` takes it: up to 256 x 256 pixels of its
        middle. A made-up one if not given.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the ending is another one, or the image does not suit the model.
    ImportError
        If what writes such files is not installed; the message says how to.
    OSError
        If it cannot be written; there is no half of it then.
    """
    path = Path(path)
    check_ending(path)
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Exporting a model needs the package onnx, which is not installed. Install it with: "
            'pip install "napari-fcn-crf[export]"'
        ) from error
    with atomic_path(path) as temporary:
        _WRITERS[path.suffix.lower()](model, temporary, image)
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


def _write_onnx(model: Model, path: Path, image: Any) -> None:
    from napari_fcn_crf.fcn.onnx_graph.network_graph import onnx_graph

    path.write_bytes(onnx_graph(model.network, model.card).SerializeToString())


def _write_package(model: Model, path: Path, image: Any) -> None:
    from napari_fcn_crf.fcn.onnx_graph.bioimageio_package import write_package
    from napari_fcn_crf.fcn.onnx_graph.network_graph import onnx_graph

    card = model.card
    example = _made_up(card) if image is None else _middle(check_prediction_input(card, image))
    probabilities = predict(model, example, axes="yxc", intensity="model")
    write_package(path, onnx_graph(model.network, card), card, example, probabilities)


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


_WRITERS: dict[str, Callable[[Model, Path, Any], None]] = {
    ".onnx": _write_onnx,
    ".zip": _write_package,
}

"""Tasks of the compute process, train and predict among them, and what went wrong in them."""

from __future__ import annotations

import errno
import gc
import importlib
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from appose import NDArray, SharedMemory

from napari_fcn_crf.compute.allocation import return_freed_memory
from napari_fcn_crf.compute.child import backend
from napari_fcn_crf.compute.environment import BACKEND_TITLES
from napari_fcn_crf.compute.previews import PreviewWriter
from napari_fcn_crf.compute.shared import Packed, SharedMemoryFullError, attached, create_block
from napari_fcn_crf.compute.training_request import TrainingRequest
from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import IntensityChoice, PredictionSettings, TrainingSettings

if TYPE_CHECKING:
    from napari_fcn_crf.pipeline.models import Model

_PLAIN = (str, int, float, tuple)
_KEPT_STATE_BYTES = 64 * 2**20
_TEST_SHAPE = (288, 448)

_backend_problem = ""
_model_cache: dict[tuple[str, int, int], Model] = {}
_last_trained: Model | None = None
_extractors: dict[tuple[Any, ...], Any] = {}
_result: SharedMemory | None = None
_previews: PreviewWriter | None = None


def load_backend() -> None:
    """Import Keras and its backend; what is in the way of that, `hello` tells."""
    global _backend_problem
    _backend_problem = backend.load()
    # What was loaded stays: no search for what is free need look at it again.
    gc.freeze()


def run(task: Any, function: str, request: dict[str, Any]) -> None:
    """Run one of the functions below as an Appose task and put its answer in the outputs.

    A function of another room is named with its module, "napari_fcn_crf.room.module:function"; it
    is given the task, and returns what goes through the channel.

    In a thread of its own: TensorFlow keeps the calls that led to an operation, once for all that
    are the same, and in Appose's thread they begin in code that is compiled anew for each task.
    """
    thread = threading.Thread(target=_run, args=(task, function, request), name=function)
    thread.start()
    thread.join()


def _run(task: Any, function: str, request: dict[str, Any]) -> None:
    release_result()
    try:
        task.outputs.update(kind="answer", answer=_named(function)(task, **request))
    except Cancelled:
        task.outputs.update(kind="cancelled")
    except Exception as error:  # noqa: BLE001 - it is raised again in the parent
        details = traceback.format_exc()
        traceback.print_exc()
        kind, message = _describe(error)
        task.outputs.update(kind=kind, message=message, details=details)
    finally:
        # Networks and their functions hold each other: large, but too few for Python to look soon.
        gc.collect()
        return_freed_memory()


def hello(task: Any, device: str) -> dict[str, Any]:
    """Say what is in the way of computing here, if anything is."""
    if _backend_problem or not device.startswith("gpu:"):
        return {"problem": _backend_problem}
    from napari_fcn_crf.fcn.devices.gpus import has_gpu

    if has_gpu():
        return {"problem": ""}
    title = BACKEND_TITLES[os.environ["KERAS_BACKEND"]]  # type: ignore[index]
    return {
        "problem": (
            f"The device {device!r} was chosen, but {title} finds no such GPU. Choose 'auto' or "
            "'cpu' in the settings, or install the GPU's driver and libraries."
        )
    }


def train(
    task: Any,
    images: Packed,
    labels: Packed,
    request: dict[str, Any],
    model_path: str,
    preview_names: list[str],
) -> dict[str, Any]:
    """Train a model, writing it to `model_path` as it gets better."""
    global _last_trained, _previews
    from napari_fcn_crf.pipeline import training

    asked = TrainingRequest.from_dict(request)
    resume = None if asked.resume_path is None else _load_to_resume(task, str(asked.resume_path))
    _model_cache.clear()
    done_with, _last_trained = _last_trained, None
    latest = Progress("Training")
    report_step = reporter(task)

    def report(progress: Progress) -> None:
        nonlocal latest
        latest = progress
        report_step(progress)

    def tell(preview: dict[str, Any]) -> None:
        steps = {"current": latest.current, "total": latest.total}
        task.update(info={"phase": "Training", **steps, "preview": preview})

    with ExitStack() as stack:
        if preview_names:
            _previews = PreviewWriter(preview_names, tell)
            stack.callback(_previews.close)
        model = training.train(
            stack.enter_context(attached(images)),
            stack.enter_context(attached(labels)),
            asked.settings,
            on_progress=report,
            should_stop=stopper(task),
            checkpoint_path=Path(model_path),
            class_names=asked.class_names,
            resume=resume,
            on_preview=_previews if preview_names else None,
            tensorboard=asked.tensorboard,
            are_patches=asked.are_patches,
            done_with=done_with,
        )
    if model.optimizer is not None and model.optimizer.nbytes > _KEPT_STATE_BYTES:
        model = replace(model, optimizer=None)  # its file has it
    _model_cache[_file_key(model_path)] = model
    # Networks that were trained by steps are not started anew, and may be large.
    _last_trained = None if model.card.losses else model
    return {}


def predict(
    task: Any,
    image: Packed,
    settings: dict[str, Any],
    model_path: str,
    result_name: str,
    axes: str | None,
    intensity: IntensityChoice,
) -> dict[str, Any]:
    """Predict an image and leave the probabilities in the shared block `result_name`."""
    from napari_fcn_crf.pipeline import prediction

    with attached(image) as (pixels,):
        probabilities = prediction.predict(
            load_model(task, model_path),
            pixels,
            PredictionSettings.from_dict(settings),
            on_progress=reporter(task),
            should_stop=stopper(task),
            axes=axes,
            intensity=intensity,
        )
    if task.cancel_requested:
        raise Cancelled
    return give(probabilities, result_name)


def features(
    task: Any, image: Packed, settings: dict[str, Any], result_name: str
) -> dict[str, Any]:
    """Leave the features of one plane in the shared block `result_name`, and say what they mean.

    The network stays for the next plane, as long as it is asked for with the same settings.
    """
    from napari_fcn_crf.pipeline.plane_features import feature_extractor

    def report(progress: Progress) -> None:
        reporter(task)(replace(progress, phase="Computing features"))

    with attached(image) as (plane,):
        asked = TrainingSettings.from_dict(settings)
        file = _file_key(str(asked.starting_weights))
        key = asked.architecture, asked.backbone, file, asked.seed, int(plane.shape[-1])
        if key not in _extractors:
            report(Progress(""))
            _extractors.clear()
            _extractors[key] = feature_extractor(asked, key[-1])
        extractor = _extractors[key]
        shape = (*plane.shape[:2], extractor.width)
        tile_px = PredictionSettings().tile_px
        columns, moments = extractor.columns(
            plane,
            _new_result(result_name, np.dtype(np.uint16), shape),
            tile_px,
            on_progress=report,
            should_stop=stopper(task),
        )
    unit, kept = columns.unit.tolist(), extractor.kept
    del columns  # a view of what is let go of
    _let_go_of_result()
    sums, squares, count = moments.sums
    return {
        "array": {"dtype": np.dtype(np.uint16).str, "shape": list(shape)},
        "unit": unit,
        "sums": sums.tolist(),
        "squares": squares.tolist(),
        "count": count,
        "gain": kept.gain.tolist(),
        "epsilon": kept.epsilon,
        "sharpness": kept.sharpness,
    }


def describe_weights(task: Any, path: str) -> dict[str, Any]:
    """Say in a sentence what a weights file holds."""
    from napari_fcn_crf.weights import vgg_file

    return {"text": vgg_file.describe_weights(path)}


def test_device(task: Any) -> dict[str, Any]:
    """Train two steps on a made-up image of usual size."""
    from napari_fcn_crf.compute.devices import device_in_use
    from napari_fcn_crf.pipeline import training

    generator = np.random.default_rng(0)
    rows, columns = _TEST_SHAPE
    image = generator.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    labels = generator.integers(1, 3, (rows, columns))
    times = []

    def report(progress: Progress) -> None:
        times.append(time.perf_counter())
        reporter(task)(progress)

    settings = TrainingSettings(iterations=2)
    training.train(image, labels, settings, on_progress=report, should_stop=stopper(task))
    if task.cancel_requested:
        raise Cancelled
    first, second = np.diff(times)[-2:]
    return {
        "label": device_in_use(),
        "first_step_seconds": float(first),
        "step_seconds": float(second),
    }


def release_result() -> None:
    """Let go of the last result's memory, and free it if the parent can no longer do so."""
    global _result, _previews
    if _result is not None:
        _result.close()
        with suppress(FileNotFoundError):
            _result.unlink()
        _result = None
    if _previews is not None:
        _previews.free()
        _previews = None


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "hello": hello,
    "train": train,
    "predict": predict,
    "features": features,
    "describe_weights": describe_weights,
    "test_device": test_device,
}


def _named(function: str) -> Callable[..., dict[str, Any]]:
    module, _, name = function.rpartition(":")
    if not module:
        return _TASKS[name]
    found: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    return found


def give(array: npt.NDArray[Any], name: str) -> dict[str, Any]:
    """Leave an array in a new shared block, and return what the parent takes it by."""
    _new_result(name, array.dtype, array.shape)[...] = array
    _let_go_of_result()
    return {"dtype": array.dtype.str, "shape": list(array.shape)}


def _new_result(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an array of zeros in a new shared block."""
    global _result
    _result = create_block(math.prod(shape) * dtype.itemsize, name)
    array: npt.NDArray[Any] = NDArray(dtype.str, list(shape), _result).ndarray()
    return array


def _let_go_of_result() -> None:
    # On Windows a block goes with its last user, and the parent has not opened it yet.
    if _result is not None and sys.platform != "win32":
        _result.close()


def load_model(task: Any, path: str) -> Model:
    """Return the model of a file; that of the last time if it is the same file still."""
    from napari_fcn_crf.pipeline import models

    key = _file_key(path)
    if key not in _model_cache:
        reporter(task)(Progress("Loading the model"))
        model = models.load_model(Path(path))
        _model_cache.clear()
        _model_cache[key] = model
    return _model_cache[key]


def _load_to_resume(task: Any, path: str) -> Model:
    """Return a model with its optimizer's state, if that is known."""
    from napari_fcn_crf.pipeline import models

    cached = _model_cache.get(_file_key(path))
    if cached is not None and cached.optimizer is not None:
        return cached
    reporter(task)(Progress("Loading the model"))
    return models.load_model(Path(path), optimizer=True)


def _file_key(path: str) -> tuple[str, int, int]:
    """Return what changes when the file is written again; zeros if there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


def reporter(task: Any) -> Callable[[Progress], None]:
    """Return what tells the parent how far a task is."""

    def report(progress: Progress) -> None:
        loss = None if progress.loss is None else float(progress.loss)
        values = vars(progress) | {"loss": loss}
        # What is no plain value, such as a part of a result, does not go through the channel.
        plain = {name: value for name, value in values.items() if isinstance(value, _PLAIN)}
        task.update(info=plain)

    return report


def stopper(task: Any) -> Callable[[], bool]:
    """Return what tells whether a task was cancelled."""
    return lambda: bool(task.cancel_requested)


def _describe(error: Exception) -> tuple[str, str]:
    """Return the kind of an error and one sentence for the user."""
    from napari_fcn_crf.fcn.devices.memory import is_out_of_memory

    if isinstance(error, InputError):
        return ("type" if isinstance(error, InputTypeError) else "input"), str(error)
    if isinstance(error, SharedMemoryFullError):
        return "error", str(error)
    if is_out_of_memory(error):
        return "error", (
            "There was too little memory. Close other programs, choose the compact backbone or "
            "smaller tiles, or take a part of the image; instead of a GPU, choose the CPU in the "
            "settings."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "error", f"The disk is full: {error.filename} could not be written. Free some space."
    return "error", (
        f"The compute process could not finish ({backend.first_line(error)}). Look into the log."
    )

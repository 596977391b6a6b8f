"""Paint a few strokes, train a fully convolutional network, refine it with a dense CRF.

The public functions are imported on first use, so that importing the package stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fcn_crf.compute.allocation import keep_freed_memory
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.pipeline.export import export
    from napari_fcn_crf.pipeline.model_export import export_model
    from napari_fcn_crf.pipeline.models import Model, load_model, save_model
    from napari_fcn_crf.pipeline.prediction import predict
    from napari_fcn_crf.pipeline.refinement import refine
    from napari_fcn_crf.pipeline.segmenter import Segmenter
    from napari_fcn_crf.pipeline.training import train
    from napari_fcn_crf.progress import Progress
    from napari_fcn_crf.settings import (
        ComputeSettings,
        CRFSettings,
        PredictionSettings,
        TrainingSettings,
    )

    __version__: str

_HOME = {
    "CRFSettings": "settings",
    "ComputeSettings": "settings",
    "Model": "pipeline.models",
    "ModelCard": "model.card",
    "PredictionSettings": "settings",
    "Progress": "progress",
    "Segmenter": "pipeline.segmenter",
    "TrainingSettings": "settings",
    "export": "pipeline.export",
    "export_model": "pipeline.model_export",
    "keep_freed_memory": "compute.allocation",
    "load_model": "pipeline.models",
    "predict": "pipeline.prediction",
    "refine": "pipeline.refinement",
    "save_model": "pipeline.models",
    "train": "pipeline.training",
}

__all__ = [
    "CRFSettings",
    "ComputeSettings",
    "Model",
    "ModelCard",
    "PredictionSettings",
    "Progress",
    "Segmenter",
    "TrainingSettings",
    "export",
    "export_model",
    "keep_freed_memory",
    "load_model",
    "predict",
    "refine",
    "save_model",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-fcn-crf")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0.0.0"


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, "__version__"])

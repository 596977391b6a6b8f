"""Paint a few strokes, train a fully convolutional network, refine it with a dense CRF.

The public functions are imported on first use, so that importing the package stays cheap.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fcn_crf.model import ModelCard
    from napari_fcn_crf.pipeline import Model, load_model, predict, refine, save_model, train
    from napari_fcn_crf.progress import Progress
    from napari_fcn_crf.settings import (
        ComputeSettings,
        CRFSettings,
        PredictionSettings,
        TrainingSettings,
    )

try:
    __version__ = version("napari-fcn-crf")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"

_HOME = {
    "CRFSettings": "settings",
    "ComputeSettings": "settings",
    "Model": "pipeline",
    "ModelCard": "model",
    "PredictionSettings": "settings",
    "Progress": "progress",
    "TrainingSettings": "settings",
    "load_model": "pipeline",
    "predict": "pipeline",
    "refine": "pipeline",
    "save_model": "pipeline",
    "train": "pipeline",
}

__all__ = [
    "CRFSettings",
    "ComputeSettings",
    "Model",
    "ModelCard",
    "PredictionSettings",
    "Progress",
    "TrainingSettings",
    "load_model",
    "predict",
    "refine",
    "save_model",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

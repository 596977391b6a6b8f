"""Mode of training: the whole network, or what is on top of a backbone left as it is."""

from __future__ import annotations

from typing import Literal

from napari_fcn_crf.fcn.devices.gpus import has_gpu
from napari_fcn_crf.settings import RANDOM, TrainingSettings


def resolve_mode(settings: TrainingSettings) -> Literal["quick", "full"]:
    """Return what the settings' mode comes to on this machine."""
    if settings.mode != "auto":
        return settings.mode
    return "quick" if settings.starting_weights != RANDOM and not has_gpu() else "full"

"""Whether the whole network is trained, or what is on top of a backbone left as it is."""

from __future__ import annotations

from typing import Literal

import keras

from napari_fcn_crf.settings import RANDOM, TrainingSettings


def resolve_mode(settings: TrainingSettings) -> Literal["quick", "full"]:
    """Return what the settings' mode comes to on this machine."""
    if settings.mode != "auto":
        return settings.mode
    return "quick" if settings.starting_weights != RANDOM and not has_gpu() else "full"


def has_gpu() -> bool:
    """Return whether Keras' backend computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    if backend == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import tensorflow

    return bool(tensorflow.config.list_physical_devices("GPU"))

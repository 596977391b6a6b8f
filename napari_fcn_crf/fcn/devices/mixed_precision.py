"""Mixed precision: convolutions in bfloat16, on devices that are made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import keras

from napari_fcn_crf.backbones import CONVOLUTIONS
from napari_fcn_crf.fcn.devices.gpus import has_gpu

Policy = Literal["float32", "mixed_bfloat16"]

_LAYERS = (*CONVOLUTIONS, "fc6", "fc7")
# NVIDIA's Ampere, the first with tensor cores for bfloat16.
_FIRST_CAPABILITY = (8, 0)


def policy_of_device() -> Policy:
    """Return what training computes in: bfloat16 on a GPU with units for it."""
    return "mixed_bfloat16" if has_gpu() and _capability() >= _FIRST_CAPABILITY else "float32"


def _capability() -> tuple[int, ...]:
    """Return the version of what the first GPU can do, in NVIDIA's counting."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return tuple(torch.cuda.get_device_capability()) if torch.cuda.is_available() else (0,)
    if backend == "jax":
        import jax

        # Other makers' GPUs have none, or a name instead of a number.
        found = str(getattr(jax.devices()[0], "compute_capability", "0"))
        return tuple(int(part) if part.isdigit() else 0 for part in found.split("."))
    import tensorflow

    device = tensorflow.config.list_physical_devices("GPU")[0]
    details = tensorflow.config.experimental.get_device_details(device)
    return tuple(details.get("compute_capability", (0, 0)))


@contextmanager
def computing_in(network: Any, policy: Policy) -> Iterator[None]:
    """Let the backbone compute in another precision for a while.

    Its weights, their updates, class scores and the loss are float32 either way. With bfloat16,
    whose range is that of float32, the loss needs no scaling.

    Parameters
    ----------
    network : keras.Model
    policy : {"float32", "mixed_bfloat16"}

    References
    ----------
    Kalamkar et al., "A study of BFLOAT16 for deep learning training", 2019,
    https://doi.org/10.48550/arXiv.1905.12322
    """
    layers = [layer for layer in network.layers if layer.name in _LAYERS]
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = policy
    try:
        yield
    finally:
        for layer, earlier in zip(layers, before, strict=True):
            layer.dtype_policy = earlier

"""Bundled weights: a compact VGG-16 of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.heads.head import head_of
from napari_fcn_crf.fcn.start.adaptation import adapt, spread_channels
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.settings import Backbone

BACKBONE: Backbone = "vgg16-compact"
FILE = Path(__file__).parent / "bundled_weights" / "vgg16-compact.npz"
"""Half-precision arrays named "layer/kernel", "layer/bias" and "layer/gain"; its provenance stands
beside it."""

DEEP_FILE = FILE.with_name("vgg16-compact-deep.npz")
"""The same of other layers from the third block on, for heads that score these levels."""

DESCRIPTION = "bundled, pretrained on generated scenes"


def check_backbone(backbone: Backbone) -> None:
    """Refuse a backbone that no weights are bundled for.

    Raises
    ------
    ValueError
        With what to choose instead.
    """
    if backbone != BACKBONE:
        raise InputError(
            f'Bundled weights are for the backbone "{BACKBONE}", but "{backbone}" was chosen. '
            f'Choose "{BACKBONE}", or give a file with VGG-16 weights, or weights="random".'
        )


def read_bundled(*, deep: bool = False) -> dict[str, npt.NDArray[np.float32]]:
    """Return the bundled arrays by name, as float32.

    Parameters
    ----------
    deep : bool
        For a head that scores the deep levels by themselves. Trained for hypercolumns, of which
        they are but a part, most of their filters respond to nothing or to everything; for such a
        head there are others, which respond differently to different places of any image.
    """
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for path in (FILE, DEEP_FILE) if deep else (FILE,):
        with np.load(path, allow_pickle=False) as archive:
            arrays |= {name: archive[name].astype(np.float32) for name in archive.files}
    return arrays


def bundled_layers(arrays: dict[str, npt.NDArray[np.float32]]) -> set[str]:
    """Return the names of the layers whose kernels are among the arrays."""
    return {name.removesuffix("/kernel") for name in arrays if name.endswith("/kernel")}


def assign_bundled(network: Any, arrays: dict[str, npt.NDArray[np.float32]], channels: int) -> None:
    """Set every layer of a network on the compact backbone that the arrays have weights for.

    Parameters
    ----------
    network : keras.Model
    arrays : dict
        From `read_bundled`.
    channels : int
        Of the images.
    """
    provided, projections = bundled_layers(arrays), head_of(network).projections
    for layer in network.layers:
        gain = arrays.get(f"{layer.name}/gain")
        if gain is not None:
            layer.gamma.assign(gain)
        if not isinstance(layer, keras.layers.Conv2D) or layer.name not in provided:
            continue
        kernel = arrays[f"{layer.name}/kernel"]
        bias = arrays.get(f"{layer.name}/bias", np.zeros(kernel.shape[-1], np.float32))
        if layer.name in projections:
            kernel = spread_image(kernel, channels)
        else:
            kernel, bias = adapt(kernel, bias, tuple(layer.kernel.shape))
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(bias)


def spread_image(kernel: npt.NDArray[np.float32], channels: int) -> npt.NDArray[np.float32]:
    """Return a projection's kernel for images of another number of channels.

    Its first three inputs are red, green and blue, the others features. One channel is turned into
    three before it gets here.
    """
    if channels in (1, 3):
        return kernel
    spread = spread_channels(kernel[:, :, :3], channels)
    return np.concatenate([spread, kernel[:, :, 3:]], axis=2)

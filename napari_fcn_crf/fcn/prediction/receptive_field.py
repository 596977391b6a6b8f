"""Receptive field of a network, that is how far it looks, read off its layers."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.layers.padding import STRIDE_PX


def receptive_field_px(network: Any) -> int:
    """Return the side of the square of input pixels that one score before upsampling depends on.

    Notes
    -----
    Along the longest path, with `j` the product of the strides so far, a layer with kernel `k` and
    dilation `d` adds `d * (k - 1) * j`.
    """
    return _field_and_stride(network)[0]


def halo_px(network: Any) -> int:
    """Return how many pixels a patch needs around its core, for the core to be exact.

    Patch and core begin and end at multiples of 32, and the halo is one as well.

    Notes
    -----
    A score before upsampling looks `(field - stride) / 2` pixels beyond its own cell. Upsampling
    mixes it with the next ones; those are within the next 32 pixels, from whatever stride, since
    finer cells never straddle a border of coarser ones.
    """
    field, stride = _field_and_stride(network)
    reach = (field - stride) // 2 + STRIDE_PX
    return -(-reach // STRIDE_PX) * STRIDE_PX


def _field_and_stride(network: Any) -> tuple[int, int]:
    field, jump = 1, 1
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            break
        if isinstance(layer, keras.layers.Conv2D):
            dilation = layer.dilation_rate[0]
            field += dilation * (layer.kernel_size[0] - 1) * jump
            jump *= layer.strides[0]
        elif isinstance(layer, keras.layers.MaxPooling2D):
            field += (layer.pool_size[0] - 1) * jump
            jump *= layer.strides[0]
    return field, jump

"""Receptive field of a network, that is how far it looks, read off its layers."""

from __future__ import annotations

from typing import Any

import keras


def receptive_field_px(network: Any) -> int:
    """Return the side of the square of input pixels that one score before upsampling depends on.

    Notes
    -----
    Along the longest path, with `j` the product of the strides so far, a layer with kernel `k` and
    dilation `d` adds `d * (k - 1) * j`.
    """
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
    return field

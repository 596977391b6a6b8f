"""Common size for all images of a training, for networks that can only be traced for one."""

from __future__ import annotations

from typing import Any

import keras


def is_traced_for_one_size(network: Any) -> bool:
    """Return whether a network has layers that TensorFlow cannot trace for sizes it does not know.

    From the second size on, TensorFlow traces for any; Keras' UpSampling2D refuses that.
    """
    return any(isinstance(layer, keras.layers.UpSampling2D) for layer in network.layers)

"""Initialisation: random weights, drawn once and only for the layers that no file provides."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
import numpy as np

INPUT_SPREAD = 64.0
"""Typical standard deviation of a photograph's channel on the 0-255 scale."""


def initialise(network: Any, seed: int, skip: Collection[str] = ()) -> None:
    """Draw the kernels of a network's trainable convolutions; biases stay zero.

    Parameters
    ----------
    network : keras.Model
        Built with zeros.
    seed : int
    skip : collection of str
        Names of layers that get their weights from elsewhere, or stay zero.

    Notes
    -----
    Kernels in front of a rectifier are uniform in `±sqrt(6 / fan_in)` (He), those without an
    activation in `±sqrt(6 / (fan_in + fan_out))` (Glorot). Both keep the size of what goes in, so
    the first kernel is divided by the spread of 0-255 images: without it the first losses were near
    100, and a hundred steps on a photograph reached an IoU of 0.86 instead of 0.93. Numpy draws the
    134 million numbers of the full VGG-16 several times faster than Keras' truncated normal, and
    the same on each backend. Each layer has a generator of its own, so its numbers do not depend on
    `skip`.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015,
    https://doi.org/10.1109/ICCV.2015.123
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, keras.layers.Conv2D) or not layer.trainable:
            continue
        if layer.name in skip:
            continue
        rows, columns, inputs, outputs = layer.kernel.shape
        fan_in, fan_out = rows * columns * inputs, rows * columns * outputs
        rectified = layer.activation is keras.activations.relu
        limit = np.sqrt(6 / (fan_in if rectified else fan_in + fan_out))
        if layer.name == "block1_conv1":
            limit /= INPUT_SPREAD
        generator = np.random.Generator(np.random.SFC64([seed, index]))
        kernel = generator.random(layer.kernel.shape, np.float32)
        kernel *= np.float32(2 * limit)
        kernel -= np.float32(limit)
        layer.kernel.assign(kernel)

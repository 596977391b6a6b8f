"""Bilinear upsampling as a transposed convolution with a fixed kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt


def kernel_size(factor: int) -> int:
    """Return the side of the bilinear kernel for an upsampling factor."""
    return 2 * factor - factor % 2


def bilinear_kernel(factor: int, n_classes: int) -> npt.NDArray[np.float32]:
    """Return the transposed convolution's kernel that interpolates bilinearly.

    Parameters
    ----------
    factor : int
        Upsampling factor, at least 1.
    n_classes : int

    Returns
    -------
    array of float32, shape `(size, size, n_classes, n_classes)`
        `size = 2 * factor - factor % 2`; zero between different classes.

    Notes
    -----
    The kernel is the outer product of the triangle `1 - |i - centre| / factor` with itself, where
    `centre` is the middle of the kernel, so that a pixel's weights add up to one inside the image.
    Outside the image the input counts as zero.

    References
    ----------
    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
    CVPR 2015, section 3.3, https://doi.org/10.1109/CVPR.2015.7298965
    """
    size = kernel_size(factor)
    triangle = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
    kernel = np.zeros((size, size, n_classes, n_classes), np.float32)
    classes = np.arange(n_classes)
    kernel[:, :, classes, classes] = np.outer(triangle, triangle)[..., np.newaxis]
    return kernel


def upsample(logits: Any, factor: int, name: str, *, trainable: bool = False) -> Any:
    """Enlarge a tensor `(batch, rows, columns, n_classes)` by a factor.

    A plain Keras layer whose kernel is a weight, constant unless it is `trainable`: a saved model
    needs none of our code.
    """
    n_classes = logits.shape[-1]
    layer = keras.layers.Conv2DTranspose(
        n_classes,
        kernel_size(factor),
        strides=factor,
        padding="same",
        use_bias=False,
        kernel_initializer="zeros",
        data_format="channels_last",
        trainable=trainable,
        name=name,
    )
    enlarged = layer(logits)
    # Not an initializer: the kernel's values would be written out in the model's JSON.
    layer.set_weights([bilinear_kernel(factor, n_classes)])
    return enlarged


def is_traced_for_one_size(network: Any) -> bool:
    """Return whether a network has layers that TensorFlow cannot trace for sizes it does not know.

    From the second size on, TensorFlow traces for any; Keras' UpSampling2D refuses that.
    """
    return bool(_upsampling_layers(network))


def let_upsampling_take_any_size(network: Any) -> None:
    """Let TensorFlow trace a network for sizes it does not know.

    Parameters
    ----------
    network : keras.Model
        What it computes and how it is saved do not change.
    """
    for layer in _upsampling_layers(network):
        layer.call = partial(_upsampled, layer)


def _upsampling_layers(network: Any) -> list[Any]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.UpSampling2D)]


def _upsampled(layer: Any, inputs: Any) -> Any:
    """Return what Keras' layer does, which asks for a size (keras-team/keras issue 22079)."""
    if None not in inputs.shape[1:3]:
        return type(layer).call(layer, inputs)
    import tensorflow as tf

    size = tf.shape(inputs)[1:3] * tf.constant(layer.size)
    return tf.image.resize(inputs, size, method=layer.interpolation)

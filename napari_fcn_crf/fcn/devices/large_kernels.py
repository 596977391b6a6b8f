"""Convolutions with kernels larger than what they are applied to: faster gradients on a CPU."""

from __future__ import annotations

import math
from typing import Any

import keras

from napari_fcn_crf.fcn.devices.gpus import has_gpu

# fc6 and fc7 of the full VGG-16 have 103 and 17 million weights, all others at most 2.4 million.
_LARGE = 1 << 23


def speed_up_large_kernels(network: Any) -> None:
    """Let a network's large convolutions compute their gradients as matrix products, in place.

    Parameters
    ----------
    network : keras.Model
        What it computes and how it is saved do not change.

    Notes
    -----
    fc6 of the full VGG-16 has a hundred million weights and meets a hundred positions. TensorFlow's
    gradients of convolutions are made for the opposite: on a CPU they take half as long again as
    the same two matrix products. With other backends, and on GPUs, convolutions stay as they are.
    """
    if keras.backend.backend() != "tensorflow" or has_gpu():
        return
    for layer in network.layers:
        if _is_large(layer):
            layer.convolution_op = convolve


def _is_large(layer: Any) -> bool:
    return (
        isinstance(layer, keras.layers.Conv2D)
        and math.prod(layer.kernel.shape) >= _LARGE
        and layer.dilation_rate == layer.strides == (1, 1)
        and layer.padding == "same"
    )


def convolve(inputs: Any, kernel: Any) -> Any:
    """Convolve with stride 1 and the borders filled with zeros.

    Parameters
    ----------
    inputs : tensor, shape (batch, rows, columns, channels)
    kernel : tensor, shape (side, side, channels, filters)

    Returns
    -------
    tensor, shape (batch, rows, columns, filters)
    """
    import tensorflow as tf

    @tf.custom_gradient
    def convolution(x: Any, weights: Any) -> Any:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            side, _, channels, filters = weights.shape
            flat = tf.reshape(upstream, (-1, filters))
            patches = tf.reshape(_patches(x, side), (-1, side * side * channels))
            of_weights = tf.matmul(patches, flat, transpose_a=True)
            # This way round: the many weights first, the few positions second.
            of_patches = tf.matmul(tf.reshape(weights, (-1, filters)), flat, transpose_b=True)
            of_patches = tf.reshape(
                tf.transpose(of_patches), (*tf.unstack(tf.shape(x)[:3]), side, side, channels)
            )
            return _overlaid(of_patches, side), tf.reshape(of_weights, weights.shape)

        return tf.nn.conv2d(x, weights, 1, "SAME"), gradients

    return convolution(inputs, tf.convert_to_tensor(kernel))


def _patches(x: Any, side: int) -> Any:
    """Return what the kernel sees at each position, (batch, rows, columns, side * side * c)."""
    import tensorflow as tf

    rows, columns = tf.unstack(tf.shape(x)[1:3])
    before, after = (side - 1) // 2, side // 2
    padded = tf.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    views = [padded[:, i : i + rows, j : j + columns] for i in range(side) for j in range(side)]
    return tf.concat(views, axis=-1)


def _overlaid(patches: Any, side: int) -> Any:
    """Return the sum of patches (batch, rows, columns, side, side, c), each where it was seen."""
    import tensorflow as tf

    rows, columns = tf.unstack(tf.shape(patches)[1:3])
    before, last = (side - 1) // 2, side - 1
    padded = tf.add_n(
        [
            tf.pad(patches[:, :, :, i, j], ((0, 0), (i, last - i), (j, last - j), (0, 0)))
            for i in range(side)
            for j in range(side)
        ]
    )
    return padded[:, before : before + rows, before : before + columns]

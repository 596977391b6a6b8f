"""Whole network in plain Keras: from an image's own intensities to class probabilities.

It is made of Keras' own layers and operations alone, so that whoever loads it needs none of our
code, nor has to allow any to be run; and of such as bear images whose size is not known beforehand,
so that TensorFlow can trace it for all of them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX
from napari_fcn_crf.fcn.onnx_graph.network_graph import IMAGE, PROBABILITIES
from napari_fcn_crf.model.card import ModelCard


def whole_network(network: Any, card: ModelCard) -> Any:
    """Return a network for images as they are, of any size.

    Parameters
    ----------
    network : keras.Model
    card : ModelCard
        How intensities are mapped.

    Returns
    -------
    keras.Model
        From `image` to `probabilities`, as those of `onnx_graph`: float32
        `(batch, channels, rows, columns)`, both sides at least 32 pixels.
    """
    image = keras.Input((card.channels, None, None), name=IMAGE)
    pixels = _mapped(keras.layers.Permute((2, 3, 1))(image), card.intensity)
    padded, kept = _continued(pixels)
    logits = _for_any_size(network)(padded)
    probabilities = keras.layers.Softmax()(logits)
    for axis, places in kept.items():
        probabilities = ops.take(probabilities, places, axis=axis)
    whole = keras.layers.Permute((3, 1, 2), name=PROBABILITIES)(probabilities)
    return keras.Model(image, whole, name=network.name)


def _mapped(pixels: Any, mapping: IntensityMapping) -> Any:
    """Add the mapping of intensities to 0 to 255, as `IntensityMapping.apply` has it."""
    low = np.asarray(mapping.low, np.float64)
    scale = 255 / (np.asarray(mapping.high, np.float64) - low)
    lowest, factor = low.astype(np.float32), scale.astype(np.float32)
    # NaN is mapped to 0, as what is the lowest value is.
    known = ops.where(ops.isnan(pixels), lowest, pixels)
    return ops.clip((known - lowest) * factor, -255.0, float(mapping.FARTHEST))


def _continued(pixels: Any) -> tuple[Any, dict[int, Any]]:
    """Add the reflection to multiples of the stride, as `stride_padding` splits it.

    Returns
    -------
    tuple of tensor and dict
        The image, and at which of its rows and columns the pixels are that there were before, by
        axis.
    """
    kept = {}
    for axis, line in ((1, pixels[0, :, 0, 0]), (2, pixels[0, 0, :, 0])):
        places = _places(line)
        # As many as there are strides, whole or not: the only way to a length that is not known.
        strides = ops.max_pool(
            ops.ones_like(line)[None, :, None],
            STRIDE_PX,
            STRIDE_PX,
            padding="same",
            data_format="channels_last",
        )
        padded = _places(ops.repeat(strides[0, :, 0], STRIDE_PX))
        last = ops.max(places)
        before = (ops.max(padded) - last) // 2
        reflected = last - ops.abs(last - ops.abs(padded - before))
        pixels = ops.take(pixels, reflected, axis=axis)
        kept[axis] = places + before
    return pixels, kept


def _places(line: Any) -> Any:
    """Return 0 to n - 1 for a tensor of length n."""
    return ops.cumsum(ops.ones_like(line, dtype="int32")) - 1


def _for_any_size(network: Any) -> Any:
    """Return a copy of a network that can be traced for images of a size that is not known."""
    copy = keras.models.clone_model(network, clone_function=_clone)
    copy.set_weights(network.get_weights())
    return copy


def _clone(layer: Any) -> Any:
    if isinstance(layer, keras.layers.UpSampling2D):
        return _upsampling(layer)
    return layer.__class__.from_config(layer.get_config())


def _upsampling(layer: Any) -> Any:
    """Return bilinear upsampling by a whole even factor, of layers that bear any size.

    https://github.com/keras-team/keras/issues/22079: Keras' own asks for the size beforehand. Each
    pixel is repeated, and then averaged with its neighbours: of two means of k and of 2 pixels in a
    row, the weights are those of bilinear interpolation.
    """
    features = keras.Input((None, None, layer.input.shape[-1]))
    x = features
    for axis, factor in enumerate(layer.size):

        def along(amount: int, other: int, axis: int = axis) -> tuple[int, int]:
            return (amount, other) if axis == 0 else (other, amount)

        rows = (slice(None),) * (axis + 1)
        first, last = x[(*rows, slice(1))], x[(*rows, slice(-1, None))]
        x = ops.concatenate([first, x, last], axis=axis + 1)
        x = keras.layers.UpSampling2D(along(factor, 1), data_format="channels_last")(x)
        x = keras.layers.Cropping2D(along(factor // 2, 0), data_format="channels_last")(x)
        for side in (factor, 2):
            x = keras.layers.AveragePooling2D(
                along(side, 1), strides=1, padding="valid", data_format="channels_last"
            )(x)
    return keras.Model(features, x, name=layer.name)

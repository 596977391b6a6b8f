"""ONNX operators of each kind of Keras layer that our networks are made of.

Written out, since Keras' own export needs TensorFlow and tf2onnx, and fixes the size of images
where a network has `UpSampling2D` (https://github.com/keras-team/keras/issues/22079). Channels come
first here, as in ONNX: kernels are turned round, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.onnx_graph.builder import GraphBuilder
from napari_fcn_crf.input_error import InputError

Convert = Callable[[GraphBuilder, Any, list[str]], str]
"""Adds a layer to a graph; takes the names of its inputs and returns that of its output."""


def add_layer(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    """Add a Keras layer to a graph.

    Parameters
    ----------
    graph : GraphBuilder
    layer : keras.layers.Layer
    inputs : list of str
        Names of the tensors `(batch, channels, rows, columns)` that it takes.

    Returns
    -------
    str
        Name of the tensor that it makes.

    Raises
    ------
    ValueError
        If there is no operator for such a layer.
    """
    kind = type(layer)
    if kind not in _CONVERT:
        raise InputError(
            f"Expected a network of this plugin, but its layer {layer.name} is a {kind.__name__}, "
            "which has no counterpart here. Train a new model."
        )
    return _CONVERT[kind](graph, layer, inputs)


def _convolution(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    rows, columns = layer.kernel_size
    dilations = list(layer.dilation_rate)
    # As TensorFlow's SAME, with strides of one.
    reach = [(side - 1) * hole for side, hole in zip((rows, columns), dilations, strict=True)]
    before = [one // 2 for one in reach]
    after = [one - half for one, half in zip(reach, before, strict=True)]
    weights = [graph.constant(f"{layer.name}_kernel", _array(layer.kernel).transpose(3, 2, 0, 1))]
    if layer.use_bias:
        weights.append(graph.constant(f"{layer.name}_bias", _array(layer.bias)))
    scores = graph.node("Conv", [*inputs, *weights], dilations=dilations, pads=[*before, *after])
    return graph.node("Relu", [scores]) if _is_rectified(layer) else scores


def _is_rectified(layer: Any) -> bool:
    return layer.activation is keras.activations.relu


def _transposed_convolution(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    strides = list(layer.strides)
    cut = [side - stride for side, stride in zip(layer.kernel_size, strides, strict=True)]
    before = [one // 2 for one in cut]
    after = [one - half for one, half in zip(cut, before, strict=True)]
    kernel = graph.constant(f"{layer.name}_kernel", _array(layer.kernel).transpose(3, 2, 0, 1))
    return graph.node("ConvTranspose", [*inputs, kernel], strides=strides, pads=[*before, *after])


def _pooling(operator: str) -> Convert:
    def convert(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
        # Rows and columns are multiples of the strides, so only poolings in place look beyond.
        reach = [side - stride for side, stride in zip(layer.pool_size, layer.strides, strict=True)]
        before = [one // 2 for one in reach]
        after = [one - half for one, half in zip(reach, before, strict=True)]
        return graph.node(
            operator,
            inputs,
            kernel_shape=list(layer.pool_size),
            strides=list(layer.strides),
            pads=[*before, *after],
        )

    return convert


def _upsampling(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    scales = graph.constant(f"{layer.name}_scales", np.array([1, 1, *layer.size], np.float32))
    return graph.node(
        "Resize",
        [*inputs, "", scales],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def _normalisation(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    channels = layer.moving_mean.shape[0]
    gamma = _array(layer.gamma) if layer.scale else np.ones(channels, np.float32)
    beta = _array(layer.beta) if layer.center else np.zeros(channels, np.float32)
    given = {
        "gamma": gamma,
        "beta": beta,
        "mean": _array(layer.moving_mean),
        "variance": _array(layer.moving_variance),
    }
    constants = [graph.constant(f"{layer.name}_{name}", value) for name, value in given.items()]
    return graph.node("BatchNormalization", [*inputs, *constants], epsilon=float(layer.epsilon))


def _rescaling(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    scale, offset = (
        graph.constant(f"{layer.name}_{name}", _by_channel(value))
        for name, value in (("scale", layer.scale), ("offset", layer.offset))
    )
    return graph.node("Add", [graph.node("Mul", [*inputs, scale]), offset])


def _sum(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    return graph.node("Sum", inputs)


def _concatenation(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    return graph.node("Concat", inputs, axis=1)


def _rectifier(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    return graph.node("Relu", inputs)


def _activation(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    operators = {keras.activations.softsign: "Softsign", keras.activations.relu: "Relu"}
    return graph.node(operators[layer.activation], inputs)


def _nothing(graph: GraphBuilder, layer: Any, inputs: list[str]) -> str:
    (only,) = inputs
    return only


def _array(weight: Any) -> npt.NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float32)


def _by_channel(value: Any) -> npt.NDArray[np.float32]:
    return np.atleast_1d(np.asarray(value, np.float32))[:, np.newaxis, np.newaxis]


_CONVERT: dict[type, Convert] = {
    keras.layers.Activation: _activation,
    keras.layers.Add: _sum,
    keras.layers.AveragePooling2D: _pooling("AveragePool"),
    keras.layers.BatchNormalization: _normalisation,
    keras.layers.Concatenate: _concatenation,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv2DTranspose: _transposed_convolution,
    keras.layers.Dropout: _nothing,
    keras.layers.MaxPooling2D: _pooling("MaxPool"),
    keras.layers.ReLU: _rectifier,
    keras.layers.Rescaling: _rescaling,
    keras.layers.UpSampling2D: _upsampling,
}

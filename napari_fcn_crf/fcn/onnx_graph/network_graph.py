"""Whole network as an ONNX graph: from an image's own intensities to class probabilities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX
from napari_fcn_crf.fcn.onnx_graph.builder import GraphBuilder
from napari_fcn_crf.fcn.onnx_graph.layers import add_layer
from napari_fcn_crf.model.card import ModelCard

if TYPE_CHECKING:
    import onnx

IMAGE, PROBABILITIES = "image", "probabilities"
"""Names of what goes in and what comes out."""

LEAST_SIDE_PX = STRIDE_PX
"""As `predict` has it."""


def onnx_graph(network: Any, card: ModelCard) -> onnx.ModelProto:
    """Return a network as an ONNX model for images of any size.

    Parameters
    ----------
    network : keras.Model
    card : ModelCard
        How intensities are mapped; its classes become metadata of the model.

    Returns
    -------
    onnx.ModelProto
        From `image`, float32 `(batch, channels, rows, columns)` as it is in the file, both sides at
        least 32 pixels, to `probabilities`, float32 `(batch, classes, rows, columns)`. What is done
        between is what `predict` does with a plane that fits into one tile, and by the mapping of
        the training images.

    Raises
    ------
    ValueError
        If the network has a layer that is not one of this plugin's.
    """
    graph = GraphBuilder()
    padded, before, sides = _continued(graph, _mapped(graph, IMAGE, card.intensity))
    tensors: dict[int, str] = {}
    for layer in network.layers:
        outputs = as_list(layer.output)
        if isinstance(layer, keras.layers.InputLayer):
            name = padded
        else:
            name = add_layer(graph, layer, [tensors[id(one)] for one in as_list(layer.input)])
        tensors |= dict.fromkeys(map(id, outputs), name)
    probabilities = graph.node("Softmax", [tensors[id(network.output)]], axis=1)
    model = graph.model(
        network.name,
        {IMAGE: ["batch", card.channels, "rows", "columns"]},
        (
            _cut_out(graph, probabilities, before, sides),
            PROBABILITIES,
            ["batch", card.n_classes, "rows", "columns"],
        ),
    )
    for key, value in _metadata(card).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return model


def _mapped(graph: GraphBuilder, image: str, mapping: IntensityMapping) -> str:
    """Add the mapping of intensities to 0 to 255, as `IntensityMapping.apply` has it."""
    low = np.asarray(mapping.low, np.float64)
    scale = 255 / (np.asarray(mapping.high, np.float64) - low)
    shape = (1, -1, 1, 1)
    lowest = graph.constant("low", low.astype(np.float32).reshape(shape))
    # NaN is mapped to 0, as what is the lowest value is.
    image = graph.node("Where", [graph.node("IsNaN", [image]), lowest, image])
    shifted = graph.node("Sub", [image, lowest])
    scaled = graph.node(
        "Mul", [shifted, graph.constant("scale", scale.astype(np.float32).reshape(shape))]
    )
    ends = (
        graph.constant("least", np.float32(-255)),
        graph.constant("most", np.float32(mapping.FARTHEST)),
    )
    return graph.node("Clip", [scaled, *ends])


def _continued(graph: GraphBuilder, image: str) -> tuple[str, str, str]:
    """Add the reflection to multiples of the stride, as `stride_padding` splits it.

    Returns
    -------
    tuple of str
        The image, the pixels in front of it along both axes, and its sides.
    """
    sides = graph.node(
        "Slice",
        [graph.node("Shape", [image]), *(graph.constant(f"at_{n}", np.array([n])) for n in (2, 4))],
    )
    stride = graph.constant("stride", np.array(STRIDE_PX))
    missing = graph.node("Mod", [graph.node("Neg", [sides]), stride])
    before = graph.node("Div", [missing, graph.constant("two", np.array(2))])
    after = graph.node("Sub", [missing, before])
    none = graph.constant("none", np.zeros(2, np.int64))
    margins = graph.node("Concat", [none, before, none, after], axis=0)
    return graph.node("Pad", [image, margins], mode="reflect"), before, sides


def _cut_out(graph: GraphBuilder, padded: str, before: str, sides: str) -> str:
    """Add what takes the continuation away again."""
    stop = graph.node("Add", [before, sides])
    axes = graph.constant("spatial_axes", np.array([2, 3]))
    return graph.node("Slice", [padded, before, stop, axes])


def _metadata(card: ModelCard) -> dict[str, str]:
    return {
        "class_values": json.dumps(list(card.class_values)),
        "class_names": json.dumps(list(card.class_names)),
        "intensity": json.dumps({"low": card.intensity.low, "high": card.intensity.high}),
        "trained_on": card.intensity.dtype,
    }

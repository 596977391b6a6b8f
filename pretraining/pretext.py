"""The network that is trained: from an image with strokes to the classes of other pixels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from napari_fcn_crf.backbones import CONVOLUTIONS, FULLY_CONNECTED, VGGWidths
from napari_fcn_crf.fcn.hypercolumns.joined_levels import join_levels
from napari_fcn_crf.fcn.hypercolumns.levels import hypercolumn_levels
from napari_fcn_crf.fcn.layers.vgg16 import preprocess
from pretraining.episodes import N_CLASSES
from pretraining.ridge import AtPoints, RidgeHead
from pretraining.scene_stream import QUERIES, SUPPORT
from pretraining.teacher import LEVELS

HYPERCOLUMN = "ridge"
TAUGHT = "taught"

HEADS = {
    HYPERCOLUMN: (),
    "ridge_fcn8s": ("pool3", "pool4", "fc7"),
    "ridge_fcn32s": ("fc7",),
}
"""Heads that answer the questions, and the layers which those of FCN-8s and FCN-32s score."""

_STRIDES = {"pool3": 8, "pool4": 16, "fc7": 32}


def pretext_network(
    side: int,
    widths: VGGWidths,
    *,
    with_fc7: bool = True,
    coarse: bool = False,
    taught: VGGWidths | None = None,
) -> Any:
    """Return the network from image, points and stroke targets to each head's logits, by name.

    Parameters
    ----------
    side : int
        Of the images.
    widths : VGGWidths
    with_fc7 : bool
        Whether fc7 is a level.
    coarse : bool
        Whether FCN-8s and FCN-32s have to answer as well, so that depth is asked for.
    taught : VGGWidths, optional
        Of a teacher, whose features are predicted at each point: linearly, from the same blocks.
    """
    image = keras.Input((side, side, 3), name="image")
    points = keras.Input((SUPPORT + QUERIES, 2), dtype="int32", name="points")
    targets = keras.Input((SUPPORT, N_CLASSES), name="targets")
    levels = hypercolumn_levels(preprocess(image), widths, dropout=0.0, seed=0, with_fc7=with_fc7)

    # Interpolated at the points in question alone, not at every pixel.
    sampled = {
        name: (AtPoints(stride)(features, points), 1) for name, (features, stride) in levels.items()
    }
    outputs = {HYPERCOLUMN: RidgeHead(SUPPORT, name=HYPERCOLUMN)(join_levels(sampled), targets)}
    made = keras.Model({"image": image, "points": points, "targets": targets}, outputs)

    def at_points(name: str, stride: int) -> Any:
        return AtPoints(stride)(made.get_layer(name).output, points)

    if coarse:
        for head, names in HEADS.items():
            if names:
                parts = [at_points(name, _STRIDES[name]) for name in names]
                joined = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
                outputs[head] = RidgeHead(SUPPORT, name=head)(joined, targets)
    if taught is not None:
        predicted = [
            keras.layers.Dense(taught.blocks[int(name[-1]) - 1], name=f"predicted_{name}")(
                at_points(last_convolution(int(name[-1])), stride)
            )
            for name, stride in LEVELS.items()
        ]
        outputs[TAUGHT] = ops.squeeze(ops.concatenate(predicted, axis=-1), 2)
    return keras.Model(made.input, outputs)


def last_convolution(block: int) -> str:
    """Return the name of a block's last convolution."""
    return max(name for name in CONVOLUTIONS if name.startswith(f"block{block}"))


def make_leaky(network: Any, slope: float) -> None:
    """Let rectified convolutions of the backbone pass some of what is below zero.

    A channel that is silent everywhere has no gradient and stays so; one that leaks does not.
    Weights trained so are to be trained on without.
    """

    def leaky(values: Any) -> Any:
        return ops.leaky_relu(values, slope)

    for name in (*CONVOLUTIONS, *FULLY_CONNECTED):
        layer = network.get_layer(name)
        layer.activation = leaky

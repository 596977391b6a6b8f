"""A teacher: what a full-width VGG-16 makes of an image, to be predicted by the compact one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import ops

from napari_fcn_crf.backbones import BACKBONES, VGGWidths
from napari_fcn_crf.fcn.layers.vgg16 import preprocess, vgg16_features
from napari_fcn_crf.weights.vgg_file import open_weights
from pretraining.ridge import AtPoints

LEVELS = {"conv2": 2, "conv3": 4, "conv4": 8, "conv5": 16}
"""What is predicted, with its stride."""


def teacher(file: Path, side: int, n_points: int) -> Any:
    """Return the network from images and points to standardised features there.

    Parameters
    ----------
    file : Path
        With the thirteen convolutions of VGG-16, at whatever width.
    side, n_points : int
        Of the images, and how many points each has.
    """
    image = keras.Input((side, side, 3), name="image")
    points = keras.Input((n_points, 2), dtype="int32", name="points")
    with open_weights(file) as found:
        pixels = preprocess(image, found.convention.means)
        features = vgg16_features(pixels, BACKBONES[found.backbone].widths)
        levels = [AtPoints(stride)(features[name], points) for name, stride in LEVELS.items()]
        network = keras.Model(
            {"image": image, "points": points}, Standard()(ops.concatenate(levels, axis=-1))
        )
        present = {layer.name for layer in network.layers}
        for name in found.names:
            if name in present:
                kernel, bias = found.read(name)
                network.get_layer(name).set_weights([kernel, bias])
    network.trainable = False
    return network


def widths_in(file: Path) -> VGGWidths:
    """Return the widths of the VGG-16 in a file."""
    with open_weights(file) as found:
        return BACKBONES[found.backbone].widths


class Standard(keras.layers.Layer):
    """Features' square roots, for a few are loud, standardised over the points of a batch."""

    def call(self, features: Any) -> Any:
        """Return `(batch, points, channels)` of `(batch, points, 1, channels)`, none negative."""
        roots = ops.sqrt(ops.squeeze(features, 2))
        mean = ops.mean(roots, axis=(0, 1), keepdims=True)
        deviation = ops.std(roots, axis=(0, 1), keepdims=True)
        # What hardly ever responds must not be the loudest.
        return (roots - mean) / (deviation + 0.05 * ops.mean(deviation) + 1e-6)

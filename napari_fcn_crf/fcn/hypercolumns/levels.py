"""Levels of a hypercolumn: the backbone's features, fine to coarse, and their sum."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.backbones import VGGWidths
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.initialisation import INPUT_SPREAD
from napari_fcn_crf.fcn.layers.vgg16 import vgg16_classifier, vgg16_features

UNITS = 96
"""Filters that all levels are projected to."""

SHARPNESS = 3.0
"""Factor of the solved logits. The penalty that chooses a good direction leaves them too small for
the CRF, whose pairwise terms then wipe out thin structures; three was best on generated scenes."""

_PREFIX = "hyper_"

SUM = f"{_PREFIX}sum"
"""The layer that adds the levels."""


def convolution_of(level: str) -> str:
    """Return the name of the 1x1 convolution that a level goes through."""
    return f"{_PREFIX}{level}"


def level_of(convolution: str) -> str:
    """Return the name of the level that goes through a 1x1 convolution."""
    return convolution.removeprefix(_PREFIX)


def hypercolumn_levels(
    image: Any, widths: VGGWidths, dropout: float, seed: int, *, with_fc7: bool = True
) -> dict[str, tuple[Any, int]]:
    """Return the levels that make up a hypercolumn, fine to coarse, each with its stride.

    They are the backbone's "conv1" to "conv5" and "fc7", if asked for, each joined by the image and
    "conv1" averaged over its stride: local colour and texture, which need no depth.
    """
    features = vgg16_features(image, widths)
    scaled = keras.layers.Rescaling(1 / INPUT_SPREAD, name="unit_spread")(image)
    fine = keras.layers.Concatenate(name="image_and_conv1")([scaled, features["conv1"]])
    levels = {"conv1": (fine, 1)}
    deeper = {f"conv{block}": features[f"conv{block}"] for block in range(2, 6)}
    if with_fc7:
        deeper["fc7"] = vgg16_classifier(features["pool5"], widths, dropout, seed)
    for power, (name, feature) in enumerate(deeper.items(), start=1):
        average = keras.layers.AveragePooling2D(
            2**power, data_format="channels_last", name=f"average{2**power}"
        )(fine)
        joined = keras.layers.Concatenate(name=f"{name}_and_average")([average, feature])
        levels[name] = (joined, 2**power)
    return levels


def summed_levels(network: Any) -> list[tuple[Any, int]]:
    """Return the 1x1 convolutions that a hypercolumn network adds up, each with its stride."""
    producers = {id(tensor): layer for layer in network.layers for tensor in as_list(layer.output)}
    levels = []
    for tensor in as_list(network.get_layer(SUM).input):
        convolution, stride = producers[id(tensor)], 1
        if isinstance(convolution, keras.layers.UpSampling2D):
            stride = int(convolution.size[0])
            convolution = producers[id(convolution.input)]
        levels.append((convolution, stride))
    return levels


def upsample_bilinear(tensor: Any, stride: int, name: str) -> Any:
    """Enlarge a tensor by a factor, bilinearly."""
    if stride == 1:
        return tensor
    return keras.layers.UpSampling2D(
        stride,
        data_format="channels_last",
        interpolation="bilinear",
        name=f"{name}_upsampled",
    )(tensor)

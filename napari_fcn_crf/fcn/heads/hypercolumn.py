"""Hypercolumns: every pixel is classified from all levels of the backbone at once."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.initialisation import INPUT_SPREAD
from napari_fcn_crf.fcn.layers.vgg16 import vgg16_classifier, vgg16_features
from napari_fcn_crf.weights.vgg_widths import VGGWidths

UNITS = 96
"""Filters that all levels are projected to."""

PENALTY = 0.001
"""Weight of half the squared coefficients beside the mean cross-entropy."""

SHARPNESS = 3.0
"""Factor of the solved logits. The penalty that chooses a good direction leaves them too small for
the CRF, whose pairwise terms then wipe out thin structures; three was best on generated scenes."""

SUM = "hyper_sum"
RECTIFIER = "hyper_relu"
NORMALISATION = "hyper_norm"
SCORE = "hyper_score"


def hypercolumn(image: Any, widths: VGGWidths, n_classes: int, dropout: float, seed: int) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of a hypercolumn network.

    Parameters
    ----------
    image : tensor, shape `(batch, rows, columns, channels)`
        With the means subtracted; rows and columns multiples of 32.
    widths : VGGWidths
    n_classes : int
    dropout : float
        Fraction of fc6 and fc7 units dropped while training.
    seed : int
        Of dropout.

    Notes
    -----
    With levels `f_l`, projections `P_l` (1x1 convolutions) and bilinear upsampling `U_l`, a pixel's
    hypercolumn is `relu(sum_l U_l P_l f_l)`. It is standardised, so that weak features count as
    much as strong ones, and scored by one more 1x1 convolution.

    References
    ----------
    Hariharan, Arbeláez, Girshick and Malik, "Hypercolumns for object segmentation and fine-grained
    localization", CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298642
    """
    levels = hypercolumn_levels(image, widths, dropout, seed)
    column = join_levels(levels)
    column = keras.layers.BatchNormalization(
        axis=-1, epsilon=1e-6, trainable=False, name=NORMALISATION
    )(column)
    return keras.layers.Conv2D(
        n_classes,
        1,
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.L2(PENALTY / 2),
        data_format="channels_last",
        name=SCORE,
    )(column)


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


def join_levels(levels: dict[str, tuple[Any, int]]) -> Any:
    """Return `relu(sum_l U_l P_l f_l)` of the levels from `hypercolumn_levels`."""
    projected = []
    for name, (features, stride) in levels.items():
        project = keras.layers.Conv2D(
            UNITS,
            1,
            use_bias=name == "conv1",
            kernel_initializer="zeros",
            data_format="channels_last",
            name=f"hyper_{name}",
        )
        # Projecting first is the same as projecting last, and cheaper on the coarse grid.
        projected.append(upsample_bilinear(project(features), stride, name))
    return keras.layers.ReLU(name=RECTIFIER)(keras.layers.Add(name=SUM)(projected))


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

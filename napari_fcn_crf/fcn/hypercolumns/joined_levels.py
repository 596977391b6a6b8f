"""Hypercolumns of learnt projections: levels are projected, joined, and classified at once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from napari_fcn_crf.backbones import VGGWidths
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.hypercolumns.levels import (
    SUM,
    UNITS,
    convolution_of,
    hypercolumn_levels,
    upsample_bilinear,
)
from napari_fcn_crf.fcn.hypercolumns.standardisation import (
    Floats,
    Masks,
    Report,
    standardise,
    with_spots,
)
from napari_fcn_crf.fcn.linear.logistic_regression import PENALTY
from napari_fcn_crf.fcn.linear.moments import Moments

RECTIFIER = "hyper_relu"
NORMALISATION = "hyper_norm"
SCORE = "hyper_score"
"""Names of the layers behind the sum, in their order."""

GAIN = f"{NORMALISATION}/gain"
"""Name of the bundled array with the factors of the normalised units."""


def joined_levels(image: Any, widths: VGGWidths, n_classes: int, dropout: float, seed: int) -> Any:
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
            name=convolution_of(name),
        )
        # Projecting first is the same as projecting last, and cheaper on the coarse grid.
        projected.append(upsample_bilinear(project(features), stride, name))
    return keras.layers.ReLU(name=RECTIFIER)(keras.layers.Add(name=SUM)(projected))


def column_features(
    network: Any, all_patches: list[Patches], chosen: Masks, report: Report
) -> Floats:
    """Set the normalisation of the joined levels and return chosen pixels after it."""
    normalisation = network.get_layer(NORMALISATION)
    moments, features = Moments(normalisation.input.shape[-1]), []
    where = {id(patches): mask for patches, mask in zip(all_patches, chosen, strict=True)}
    for patches, patch, (column,) in with_spots(
        network, [normalisation.input], all_patches, report
    ):
        if patches.is_typical:
            moments.add(column[patches.typical_within(patch)])
        if id(patches) in where:
            features.append(column[where[id(patches)][patch]])
    return standardise(normalisation, moments, np.concatenate(features))

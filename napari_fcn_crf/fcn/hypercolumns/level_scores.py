"""Hypercolumns scored level by level, for a backbone that comes without learnt projections."""

from __future__ import annotations

from itertools import chain
from typing import Any

import keras
import numpy as np

from napari_fcn_crf.backbones import VGGWidths
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.hypercolumns.levels import (
    SHARPNESS,
    SUM,
    UNITS,
    convolution_of,
    hypercolumn_levels,
    level_of,
    summed_levels,
    upsample_bilinear,
)
from napari_fcn_crf.fcn.hypercolumns.standardisation import (
    Floats,
    Masks,
    Report,
    activations_of,
    on_grid,
    set_statistics,
    standardise,
    with_spots,
)
from napari_fcn_crf.fcn.linear.logistic_regression import PENALTY
from napari_fcn_crf.fcn.linear.moments import FLOOR, Moments

SHARPEN = "hyper_sharpen"

LOUDNESS = "_loudness"
STANDARD = "_standard"
"""Ends of the names of a level's two normalisations."""


def level_scores(
    image: Any, widths: VGGWidths, n_classes: int, dropout: float, seed: int, *, with_fc7: bool
) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of a linear hypercolumn network.

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
    with_fc7 : bool
        Whether fc7 is one of the levels: where its weights are not known, it only adds noise.

    Notes
    -----
    With levels `f_l` and bilinear upsampling `U_l`, the logits are `sum_l U_l W_l z(f_l) + b`, made
    sharper by a constant. The channels of a published VGG-16 differ in size a hundredfold and
    respond to few pixels, but to those loudly, so each is divided by its mean size, compressed and
    standardised: `z(f) = (s(f / mean|f|) - mean) / deviation` with `s(x) = x / (1 + |x|)`. Means
    and deviations are those of the training images, and constant.

    References
    ----------
    Hariharan, Arbeláez, Girshick and Malik, "Hypercolumns for object segmentation and fine-grained
    localization", CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298642
    """
    levels = hypercolumn_levels(image, widths, dropout, seed, with_fc7=with_fc7)
    scores = [
        upsample_bilinear(_score(features, n_classes, len(levels), name), stride, name)
        for name, (features, stride) in levels.items()
    ]
    return keras.layers.Rescaling(SHARPNESS, name=SHARPEN)(keras.layers.Add(name=SUM)(scores))


def level_features(
    network: Any, all_patches: list[Patches], chosen: Masks, report: Report
) -> Floats:
    """Set both normalisations of each level and return the levels of chosen pixels, joined."""
    levels = summed_levels(network)
    names = [level_of(convolution.name) for convolution, _ in levels]
    loudness = [network.get_layer(f"{name}{LOUDNESS}") for name in names]
    standard = [network.get_layer(f"{name}{STANDARD}") for name in names]

    sizes = [Moments(layer.input.shape[-1]) for layer in loudness]
    inputs = [layer.input for layer in loudness]
    typical = [one if one.is_typical else one.spots for one in all_patches]
    for patches, patch, values in chain.from_iterable(
        # Each by itself: they may be of different sizes.
        activations_of(network, inputs, [one], report)
        for one in typical
    ):
        for size, value, (_, stride) in zip(sizes, values, levels, strict=True):
            size.add(np.abs(value[on_grid(patches.typical(patch), stride)]))
    for layer, size in zip(loudness, sizes, strict=True):
        silent = FLOOR * size.mean.mean()
        set_statistics(layer, np.zeros_like(size.mean), np.square(size.mean + silent))

    moments = [Moments(layer.input.shape[-1]) for layer in standard]
    features: list[list[Floats]] = [[] for _ in names]
    inputs = [layer.input for layer in standard]
    where = {id(patches): mask for patches, mask in zip(all_patches, chosen, strict=True)}
    for patches, patch, values in with_spots(network, inputs, all_patches, report):
        if patches.is_typical:
            for moment, value, (_, stride) in zip(moments, values, levels, strict=True):
                moment.add(value[on_grid(patches.typical(patch), stride)])
        if id(patches) not in where:
            continue
        rows, columns = np.nonzero(where[id(patches)][patch])
        for index, (value, (_, stride)) in enumerate(zip(values, levels, strict=True)):
            taps = Taps.at(rows, columns, value.shape[:2], stride)
            features[index].append(taps.apply(value))
    joined = [
        standardise(layer, moment, np.concatenate(parts))
        for layer, moment, parts in zip(standard, moments, features, strict=True)
    ]
    return np.concatenate(joined, axis=1)


def _score(features: Any, n_classes: int, n_levels: int, name: str) -> Any:
    x = _constant_normalisation(f"{name}{LOUDNESS}", scale=False)(features)
    x = keras.layers.Activation("softsign", name=f"{name}_compressed")(x)
    standard = _constant_normalisation(f"{name}{STANDARD}", scale=True)
    x = standard(x)
    # Each level counts alike, and all of them as much as the units of learnt projections would.
    gain = np.sqrt(UNITS / (n_levels * features.shape[-1]))
    standard.gamma.assign(np.full(features.shape[-1], gain, np.float32))
    return keras.layers.Conv2D(
        n_classes,
        1,
        use_bias=name == "conv1",
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.L2(PENALTY / 2),
        data_format="channels_last",
        name=convolution_of(name),
    )(x)


def _constant_normalisation(name: str, *, scale: bool) -> Any:
    return keras.layers.BatchNormalization(
        axis=-1, epsilon=1e-6, center=False, scale=scale, trainable=False, name=name
    )

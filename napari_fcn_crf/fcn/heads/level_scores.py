"""Hypercolumns scored level by level, for a backbone that comes without learnt projections."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from napari_fcn_crf.fcn.heads.hypercolumn import (
    PENALTY,
    SHARPNESS,
    SUM,
    UNITS,
    hypercolumn_levels,
    upsample_bilinear,
)
from napari_fcn_crf.weights.vgg_widths import VGGWidths

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


def trained_output(network: Any) -> Any:
    """Return what a network is trained by: its logits, before they are sharpened if they are.

    The scores then start where the loss, penalty included, is smallest. Steps on sharpened logits
    would lead away from there, to larger and larger ones.
    """
    sharpened = [layer for layer in network.layers if layer.name == SHARPEN]
    return sharpened[0].input if sharpened else network.output


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
        name=f"hyper_{name}",
    )(x)


def _constant_normalisation(name: str, *, scale: bool) -> Any:
    return keras.layers.BatchNormalization(
        axis=-1, epsilon=1e-6, center=False, scale=scale, trainable=False, name=name
    )

"""FCN-8s: coarse class scores joined by those of pool4 and pool3."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.layers.upsampling import upsample
from napari_fcn_crf.fcn.layers.vgg16 import score, vgg16_classifier, vgg16_features
from napari_fcn_crf.weights.vgg_widths import VGGWidths


def fcn8s(image: Any, widths: VGGWidths, n_classes: int, dropout: float, seed: int) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of FCN-8s.

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
    The enlargements by two are trained, from bilinear interpolation; the last one is fixed. The
    scores of pool4 and pool3 start as zeros, so that training starts from FCN-32s.

    References
    ----------
    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
    CVPR 2015, section 4.2, https://doi.org/10.1109/CVPR.2015.7298965
    """
    features = vgg16_features(image, widths)
    fc7 = vgg16_classifier(features["pool5"], widths, dropout, seed)
    scores = upsample(score(fc7, n_classes, "fc8"), 2, "upscore2", trainable=True)

    score_pool4 = score(features["pool4"], n_classes, "score_pool4")
    fused = keras.layers.Add(name="fuse_pool4")([scores, score_pool4])
    scores = upsample(fused, 2, "upscore_pool4", trainable=True)

    score_pool3 = score(features["pool3"], n_classes, "score_pool3")
    fused = keras.layers.Add(name="fuse_pool3")([scores, score_pool3])

    return upsample(fused, 8, "upsample8")

"""FCN-32s: class scores at stride 32, enlarged at once."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.layers.upsampling import upsample
from napari_fcn_crf.fcn.layers.vgg16 import score, vgg16_classifier, vgg16_features
from napari_fcn_crf.weights.vgg_widths import VGGWidths


def fcn32s(image: Any, widths: VGGWidths, n_classes: int, dropout: float, seed: int) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of FCN-32s.

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

    References
    ----------
    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
    CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298965
    """
    pools = vgg16_features(image, widths)
    fc7 = vgg16_classifier(pools["pool5"], widths, dropout, seed)
    return upsample(score(fc7, n_classes, "fc8"), 32, "upsample32")

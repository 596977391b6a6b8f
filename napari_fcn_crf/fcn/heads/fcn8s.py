"""FCN-8s: coarse class scores joined by those of pool4 and pool3."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.heads.head import Head, Plan


def build(plan: Plan) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of FCN-8s.

    Notes
    -----
    The enlargements by two are trained, from bilinear interpolation; the last one is fixed. The
    scores of pool4 and pool3 start as zeros, so that training starts from FCN-32s where nothing is
    solved.

    References
    ----------
    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
    CVPR 2015, section 4.2, https://doi.org/10.1109/CVPR.2015.7298965
    """
    import keras

    from napari_fcn_crf.fcn.layers.upsampling import upsample
    from napari_fcn_crf.fcn.layers.vgg16 import score, vgg16_classifier, vgg16_features

    features = vgg16_features(plan.image, plan.widths)
    fc7 = vgg16_classifier(features["pool5"], plan.widths, plan.dropout, plan.seed)
    scores = upsample(score(fc7, plan.n_classes, "fc8"), 2, "upscore2", trainable=True)

    score_pool4 = score(features["pool4"], plan.n_classes, "score_pool4")
    fused = keras.layers.Add(name="fuse_pool4")([scores, score_pool4])
    scores = upsample(fused, 2, "upscore_pool4", trainable=True)

    score_pool3 = score(features["pool3"], plan.n_classes, "score_pool3")
    fused = keras.layers.Add(name="fuse_pool3")([scores, score_pool3])

    return upsample(fused, 8, "upsample8")


HEAD = Head(
    title="FCN-8s",
    tip="Adds the scores of pool4 and pool3 to those of the deepest layer (Long 2015).",
    good_for="objects whose outlines matter most",
    build=build,
    scores=("fc8",),
    silent=("score_pool4", "score_pool3"),
    enlarged=(("fc8", (2, 2, 8)), ("score_pool4", (2, 8)), ("score_pool3", (8,))),
)

"""FCN-16s: coarse class scores joined by those of pool4."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.heads.head import Head, Plan


def build(plan: Plan) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of FCN-16s.

    Notes
    -----
    The enlargement by two is trained, from bilinear interpolation; the last one is fixed. The
    scores of pool4 start as zeros, so that training starts from FCN-32s where nothing is solved.

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

    return upsample(fused, 16, "upsample16")


HEAD = Head(
    title="FCN-16s",
    tip="Adds the scores of pool4 to those of the deepest layer (Long 2015).",
    good_for="large objects whose outlines matter",
    build=build,
    scores=("fc8",),
    silent=("score_pool4",),
    enlarged=(("fc8", (2, 16)), ("score_pool4", (16,))),
)

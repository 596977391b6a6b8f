"""FCN-32s: class scores at stride 32, enlarged at once."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.heads.head import Head, Plan


def build(plan: Plan) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of FCN-32s.

    References
    ----------
    Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
    CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298965
    """
    from napari_fcn_crf.fcn.layers.upsampling import upsample
    from napari_fcn_crf.fcn.layers.vgg16 import score, vgg16_classifier, vgg16_features

    pools = vgg16_features(plan.image, plan.widths)
    fc7 = vgg16_classifier(pools["pool5"], plan.widths, plan.dropout, plan.seed)
    return upsample(score(fc7, plan.n_classes, "fc8"), 32, "upsample32")


HEAD = Head(
    title="FCN-32s",
    tip="One enlargement, 32 times, from the deepest layer (Long 2015).",
    good_for="large objects, and for what the paper did",
    build=build,
    scores=("fc8",),
    enlarged=(("fc8", (32,)),),
)

"""Hypercolumn: every pixel is classified from all levels of the backbone at once."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.heads.head import Classifier, Head, PixelSum, Plan

PROJECTIONS = tuple(
    f"hyper_{level}" for level in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc7")
)


def build(plan: Plan) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of a hypercolumn network.

    Projections to few units are learnt with the backbone, or else random like it. A backbone that
    comes without them is scored level by level, for a random projection would only add noise.

    References
    ----------
    Hariharan, Arbeláez, Girshick and Malik, "Hypercolumns for object segmentation and fine-grained
    localization", CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298642
    """
    from napari_fcn_crf.fcn.hypercolumns.joined_levels import joined_levels
    from napari_fcn_crf.fcn.hypercolumns.level_scores import level_scores

    given = plan.image, plan.widths, plan.n_classes, plan.dropout, plan.seed
    if plan.learnt and plan.learnt.isdisjoint(PROJECTIONS):
        return level_scores(*given, with_fc7="fc7" in plan.learnt)
    return joined_levels(*given)


def classifier(network: Any) -> Classifier:
    """Return the scores of the joined levels, or those of each level."""
    from napari_fcn_crf.fcn.hypercolumns.joined_levels import (
        NORMALISATION,
        SCORE,
        column_features,
    )
    from napari_fcn_crf.fcn.hypercolumns.level_scores import SHARPEN, level_features
    from napari_fcn_crf.fcn.hypercolumns.levels import SHARPNESS, summed_levels

    layers = {layer.name: layer for layer in network.layers}
    if SCORE in layers:
        normalisation = layers[NORMALISATION]
        return Classifier(
            [layers[SCORE]], column_features, network.output, SHARPNESS, normalisation
        )
    scores = [layer for layer, _ in summed_levels(network)]
    return Classifier(scores, level_features, layers[SHARPEN].input)


def pixel_sum(network: Any) -> PixelSum:
    """Return the levels and what is behind their sum."""
    from napari_fcn_crf.fcn.hypercolumns.joined_levels import NORMALISATION, RECTIFIER, SCORE
    from napari_fcn_crf.fcn.hypercolumns.levels import SUM, summed_levels

    layers = {layer.name: layer for layer in network.layers}
    names = (SUM, RECTIFIER, NORMALISATION, SCORE)
    return PixelSum(summed_levels(network), [layers[name] for name in names if name in layers])


HEAD = Head(
    title="Hypercolumn",
    tip="All levels at every pixel (Hariharan 2015).",
    good_for="fine structures",
    build=build,
    projections=PROJECTIONS,
    classifier=classifier,
    pixel_sum=pixel_sum,
)

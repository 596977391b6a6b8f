"""Loss: the pixel-wise cross-entropy, which pixels count in it, and how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.settings import ClassWeights, LossReduction


@dataclass(frozen=True)
class Targets:
    """What a network is trained towards on one image.

    Parameters
    ----------
    classes : array of int32, shape `(rows, columns)`
        Class index of each pixel; 0 where it does not count.
    weights : array of float32, shape `(rows, columns)`
        Factor of each pixel's cross-entropy; 0 where it does not count. The loss is the sum.
    """

    classes: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


def balancing_factors(
    counts: npt.NDArray[np.integer], class_weights: ClassWeights
) -> npt.NDArray[np.float64]:
    """Return each class's factor; the mean over all annotated pixels is one.

    Parameters
    ----------
    counts : array of int, shape `(n_classes,)`
        Annotated pixels of each class over all images.
    class_weights : {"balanced", "none"}
        "balanced" gives each class that occurs the same total weight.
    """
    if class_weights == "none":
        return np.ones(len(counts))
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)


def make_targets(
    indices: npt.NDArray[np.int32],
    factors: npt.NDArray[np.float64],
    reduction: LossReduction,
) -> Targets:
    """Return the targets of one image.

    Parameters
    ----------
    indices : array of int32, shape `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    factors : array of float64, shape `(n_classes,)`
        From `balancing_factors`.
    reduction : {"mean", "sum"}
        "mean" divides the weights by their sum.
    """
    annotated = indices != IGNORE
    classes = np.where(annotated, indices, 0).astype(np.int32)
    weights = np.where(annotated, factors[classes], 0.0)
    if reduction == "mean" and weights.any():
        weights /= weights.sum()
    return Targets(classes, weights.astype(np.float32))

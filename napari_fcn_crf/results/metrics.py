"""How good a segmentation is, and how much a refinement changed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE


def class_iou(
    predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], n_classes: int
) -> npt.NDArray[np.float64]:
    """Return the intersection over union of each class.

    Parameters
    ----------
    predicted, truth : arrays of int, the same shape
        Class indices; pixels where `truth` is `IGNORE` do not count.
    n_classes : int

    Returns
    -------
    array of float64, shape `(n_classes,)`
        In [0, 1]; NaN for a class that is in neither.
    """
    valid = truth != IGNORE
    joint = np.bincount(
        truth[valid].astype(np.int64) * n_classes + predicted[valid], minlength=n_classes**2
    ).reshape(n_classes, n_classes)
    intersection = np.diag(joint)
    union = joint.sum(axis=0) + joint.sum(axis=1) - intersection
    return np.where(union > 0, intersection / np.maximum(union, 1), np.nan)


def mean_iou(
    predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.integer], n_classes: int
) -> float:
    """Return the mean of `class_iou` over the classes that occur."""
    return float(np.nanmean(class_iou(predicted, truth, n_classes)))


def pixel_accuracy(predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.integer]) -> float:
    """Return the fraction of annotated pixels that are predicted right, in [0, 1]."""
    valid = truth != IGNORE
    return float(np.mean(predicted[valid] == truth[valid]))


def changed_fraction(before: npt.NDArray[np.integer], after: npt.NDArray[np.integer]) -> float:
    """Return the fraction of pixels whose label differs, in [0, 1]."""
    return float(np.mean(before != after))


def label_fractions(labels: npt.NDArray[np.integer], values: Iterable[int]) -> dict[int, float]:
    """Return which fraction of the pixels has each of some label values."""
    return {int(value): float(np.mean(labels == value)) for value in values}

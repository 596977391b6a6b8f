"""Restriction of a change to a part of a segmentation; the rest stays as it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError

_SAME_SLICE_PX = 0.5

Probabilities = npt.NDArray[np.float32]


def keep_outside(
    before: Probabilities, after: Probabilities, where: npt.NDArray[np.bool_]
) -> Probabilities:
    """Return `after` inside a region and `before` outside of it.

    Parameters
    ----------
    before, after : arrays of float32, shape `(n_classes, *spatial)`
    where : array of bool, shape `spatial`
    """
    kept: Probabilities = np.where(where, after, before)
    return kept


def only_class(before: Probabilities, after: Probabilities, index: int) -> Probabilities:
    """Return `after` where a pixel enters or leaves one class, and `before` elsewhere.

    Parameters
    ----------
    before, after : arrays of float32, shape `(n_classes, *spatial)`
    index : int
        Of the class on the first axis.
    """
    involved = (before.argmax(axis=0) == index) | (after.argmax(axis=0) == index)
    return keep_outside(before, after, involved)


def region_mask(
    outlines: Sequence[npt.NDArray[np.float64]], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Return which pixels lie inside of outlines that were drawn on slices of an image.

    Parameters
    ----------
    outlines : sequence of arrays, each of shape `(points, axes)`
        The corners of an area, as indices with fractions along the image's last axes. It lies on
        the slice along which its corners are alike, and on all slices along axes that it lacks.
    shape : tuple of int
        Of the image, without channels.

    Returns
    -------
    array of bool, of that shape

    Raises
    ------
    ValueError
        If an area does not lie on a slice of the image.
    """
    from skimage.draw import polygon2mask

    mask = np.zeros(shape, np.bool_)
    for outline in outlines:
        axes = range(len(shape) - outline.shape[1], len(shape))
        spread = np.ptp(outline, axis=0)
        # An outline along a row or a column, which has no area, varies along one axis alone.
        across = sorted(np.argsort(spread, kind="stable")[-2:])
        fixed = [axis for axis in range(outline.shape[1]) if axis not in across]
        if any(spread[axis] > _SAME_SLICE_PX for axis in fixed):
            raise InputError(
                "A region must lie on a slice of the image, but one crosses several. Draw it on "
                "the slice that is to change."
            )
        where: list[slice | int] = [slice(None)] * len(shape)
        for axis in fixed:
            where[axes[axis]] = round(float(outline[:, axis].mean()))
        inside = [0 <= at < shape[axis] for axis, at in enumerate(where) if isinstance(at, int)]
        if not all(inside):
            continue
        plane = polygon2mask([shape[axes[axis]] for axis in across], outline[:, across])
        mask[tuple(where)] |= plane
    return mask

"""Strokes as a person would paint them, drawn from the ground truth, the same every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.morphology import disk, erosion, skeletonize

from napari_fcn_crf.data.annotations import IGNORE

_FEWEST = 50


def draw_strokes(
    truth: npt.NDArray[np.int32], *, strokes: int = 4, length_px: int = 40, seed: int = 0
) -> npt.NDArray[np.int32]:
    """Return class indices on strokes of each class, `IGNORE` elsewhere.

    Parameters
    ----------
    truth : array of int32, shape `(rows, columns)`
        Class index of each pixel from 0, or `IGNORE`.
    strokes : int
        Of each class.
    length_px : int
        Of each stroke; three pixels wide where the class is.
    seed : int

    Notes
    -----
    Strokes run along the middle of a class: on the skeleton of its eroded mask.
    """
    rng = np.random.default_rng(seed)
    painted = np.full(truth.shape, IGNORE, np.int32)
    for index in range(int(truth.max()) + 1):
        mask = truth == index
        middle = _middle(mask)
        for _ in range(strokes):
            start = middle[rng.integers(len(middle))]
            distance = np.abs(middle - start).sum(axis=1)
            for row, column in middle[np.argsort(distance, kind="stable")[:length_px]]:
                window = np.s_[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
                painted[window][mask[window]] = index
    return painted


def _middle(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    padded = np.pad(mask, 1)
    for radius in (6, 3, 1, 0):
        inner = erosion(padded, disk(radius)) if radius else padded
        if inner.sum() > _FEWEST:
            break
    places = np.argwhere(skeletonize(inner)[1:-1, 1:-1])
    return places if len(places) else np.argwhere(mask)

"""Which annotated pixels belong together, so that strokes are held out whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int32]

_BLOCK_PX = 48


def stroke_numbers(annotated: npt.NDArray[np.integer], at_least: int) -> Indices:
    """Number the strokes of every class.

    A stroke is a connected piece of one class. A class with fewer strokes than wanted, such as a
    full mask, is cut along a grid of 48 px first.

    Parameters
    ----------
    annotated : array of int, shape `(rows, columns)`
        Class index of each pixel; negative where there is none.
    at_least : int
        Strokes of a class below which it is cut.

    Returns
    -------
    array of int32, shape `(rows, columns)`
        The stroke of each annotated pixel, from 0, one class after the other; -1 elsewhere.
    """
    from skimage.measure import label

    rows, columns = (np.arange(side, dtype=np.int32) for side in annotated.shape)
    rows = rows[:, np.newaxis]
    blocks = rows // _BLOCK_PX * (annotated.shape[1] // _BLOCK_PX + 1) + columns // _BLOCK_PX
    strokes = np.full(annotated.shape, -1, np.int32)
    for value in np.unique(annotated[annotated >= 0]):
        mask = annotated == value
        pieces = label(mask, connectivity=2)
        if pieces.max() < at_least or mask.mean() > 0.1:
            pieces = blocks
        strokes[mask] = np.unique(pieces[mask], return_inverse=True)[1] + strokes.max() + 1
    return strokes


def stroke_folds(annotated: npt.NDArray[np.integer], n_folds: int, seed: int) -> Indices:
    """Deal the strokes of every class out to folds.

    Parameters
    ----------
    annotated : array of int, shape `(rows, columns)`
        Class index of each pixel; negative where there is none.
    n_folds : int
    seed : int
        Of the deal.

    Returns
    -------
    array of int32, shape `(rows, columns)`
        The fold of each annotated pixel; -1 elsewhere.
    """
    generator = np.random.default_rng(seed)
    strokes = stroke_numbers(annotated, n_folds)
    folds = np.full(annotated.shape, -1, np.int32)
    for value in np.unique(annotated[annotated >= 0]):
        mask = annotated == value
        first, last = strokes[mask].min(), strokes[mask].max()
        order = generator.permutation(last - first + 1).astype(np.int32)
        folds[mask] = order[strokes[mask] - first] % n_folds
    return folds


def near(mask: npt.NDArray[np.bool_], distance_px: float) -> npt.NDArray[np.bool_]:
    """Return which pixels lie within a distance of the mask."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return mask
    close: npt.NDArray[np.bool_] = distance_transform_edt(~mask) <= distance_px
    return close

"""Which annotated pixels belong together, so that strokes are held out whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int32]

_BLOCK_PX = 48


def stroke_folds(annotated: npt.NDArray[np.integer], n_folds: int, seed: int) -> Indices:
    """Deal the strokes of every class out to folds.

    A stroke is a connected piece of one class. A class with fewer strokes than folds, such as a
    full mask, is cut along a grid of 48 px first.

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
    from skimage.measure import label

    generator = np.random.default_rng(seed)
    rows, columns = np.indices(annotated.shape)
    blocks = rows // _BLOCK_PX * (annotated.shape[1] // _BLOCK_PX + 1) + columns // _BLOCK_PX
    folds = np.full(annotated.shape, -1, np.int32)
    for value in np.unique(annotated[annotated >= 0]):
        mask = annotated == value
        pieces = label(mask, connectivity=2)
        if pieces.max() < n_folds or mask.mean() > 0.1:
            pieces = np.where(mask, blocks + 1, 0)
        numbers = np.unique(pieces[mask])
        order = generator.permutation(len(numbers))
        fold_of = np.zeros(numbers[-1] + 1, np.int32)
        fold_of[numbers] = order % n_folds
        folds[mask] = fold_of[pieces[mask]]
    return folds


def near(mask: npt.NDArray[np.bool_], distance_px: float) -> npt.NDArray[np.bool_]:
    """Return which pixels lie within a distance of the mask."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return mask
    close: npt.NDArray[np.bool_] = distance_transform_edt(~mask) <= distance_px
    return close

"""Restriction of a change to a part of a segmentation; the rest stays as it was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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

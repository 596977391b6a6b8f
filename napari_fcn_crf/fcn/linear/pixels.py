"""Pixels that a linear classifier is solved for: those that are annotated, up to a number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE

MOST_PIXELS = 20_000
"""Of all images together; more tell little more."""


def choose_pixels(
    indices: npt.NDArray[np.int32], most: int, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Return which annotated pixels count: all of them, or as many at random.

    Parameters
    ----------
    indices : array of int32, any shape
        Class index of each pixel, or `IGNORE`.
    most : int
    rng : numpy.random.Generator
    """
    annotated = np.flatnonzero(indices.ravel() != IGNORE)
    if len(annotated) > most:
        annotated = rng.choice(annotated, most, replace=False)
    chosen = np.zeros(indices.size, bool)
    chosen[annotated] = True
    return chosen.reshape(indices.shape)

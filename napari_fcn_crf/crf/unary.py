"""Unary: what the network says about each pixel, as log-odds against the last class."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf._kernels import mean_field_steps as kernels
from napari_fcn_crf.crf._kernels.rows import lanes
from napari_fcn_crf.data.probabilities import SUM_TOLERANCE
from napari_fcn_crf.threads import Check, in_threads

Floats = npt.NDArray[np.float32]

# The reference's: no network is surer than 1 in 100 000, and log 0 is no number.
LEAST_PROBABILITY = np.float32(1e-5)
# Log-odds of a clamped pixel; no message is ever near it, and its exponential is exactly 0.
_CERTAIN = np.float32(1e6)


def log_odds(probabilities: Floats, threads: int, check: Check | None = None) -> Floats:
    """Return log p_c - log p_last of all classes but the last, (planes, rows, columns, length).

    Rows may be longer; what is behind the classes is -1e30.

    Parameters
    ----------
    probabilities : float32 array, shape (classes, planes, rows, columns)
        Normalised over the classes, and taken for 1e-5 where they are below it.
    threads : int
    check : callable, optional
        Called again and again; raises to end the work.

    Warns
    -----
    UserWarning
        If probabilities of some pixel sum to something else than one, by more than 0.01.

    Raises
    ------
    ValueError
        If a probability is negative, infinite or NaN, or all of a pixel's are 0.

    Notes
    -----
    The unary energy is -log p_c. What all classes of a pixel have in common cancels in its
    marginals, so energies are kept relative to the last class'.
    """
    shape = probabilities.shape[1:]
    row = lanes(len(probabilities) - 1)
    odds = np.empty((*shape, len(row)), np.float32)
    off = np.empty(shape[0] * shape[1], np.float32)
    arguments = probabilities, LEAST_PROBABILITY, odds, off, row
    in_threads(kernels.log_odds, arguments, off.size, threads, check=check)
    worst = float(off.max())
    if np.isnan(worst):
        raise ValueError(
            "Probabilities must be numbers from 0 to 1 of which each pixel has some above 0, but "
            "some are negative, infinite or NaN, or all 0. Predict them again."
        )
    if worst > SUM_TOLERANCE:
        warnings.warn(
            f"Probabilities of a pixel must sum to 1, but some sums are {worst:.3g} off. They were "
            "divided by their sums.",
            stacklevel=5,
        )
    return odds


def clamp(
    odds: Floats, pixels: npt.NDArray[np.intp], chosen: npt.NDArray[np.integer], classes: int
) -> None:
    """Make pixels' classes certain, in place.

    Parameters
    ----------
    odds : float32 array, shape (planes, rows, columns, length)
    pixels : int array, shape (n_pixels,)
        Positions in the image made flat.
    chosen : int array, shape (n_pixels,)
        The class of each.
    classes : int
    """
    rows, last = odds.reshape(-1, odds.shape[3]), classes - 1
    rows[pixels, :last] = -_CERTAIN
    shown = chosen < last
    rows[pixels[shown], chosen[shown]] = _CERTAIN

"""Gain of a change: the mean over strokes, and how likely chance gives as much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.99

# So many strokes have as few combinations of signs that all are looked at.
_FEW_STROKES = 12

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """What settings gain over others: the mean over strokes, and its standard error.

    Parameters
    ----------
    mean, error : float
    """

    mean: float
    error: float

    @classmethod
    def of(cls, gains: Floats, weights: Floats) -> Gain:
        """Weigh the strokes' gains.

        Parameters
        ----------
        gains, weights : arrays of float, shape `(strokes,)`
            At least two; weights sum to one.
        """
        mean, error = _mean_and_error(gains, weights)
        return cls(float(mean), float(error))


def chances(gains: Floats, weights: Floats, seed: int = 0) -> Floats:
    """Return how likely chance alone gives any of the settings as much as each of them gains.

    Parameters
    ----------
    gains : array of float, shape `(settings, strokes)`
    weights : array of float, shape `(strokes,)`
        Summing to one.
    seed : int
        Of the combinations of signs, where there are too many for all.

    Returns
    -------
    array of float, shape `(settings,)`
        From above 0 to 1, corrected for the number of settings: the chance that one of them seems
        better although none is, is no larger than the bound that is set on these.

    Notes
    -----
    If none is better or worse, each stroke's gains are as likely with the other sign. So the
    largest of the settings' Student's t is compared with those under all signs of the strokes, or
    under 4096 combinations, the given one among them. Settings are alike, and so are their gains;
    that is why this asks less of each than Bonferroni's correction does.

    References
    ----------
    Westfall and Young, "Resampling-based multiple testing", 1993, section 2.3 (max T).
    """
    strokes = len(weights)
    if strokes <= _FEW_STROKES:
        combinations = np.indices((2,) * strokes).reshape(strokes, -1).T
    else:
        generator = np.random.default_rng(seed)
        combinations = generator.integers(0, 2, (1 << _FEW_STROKES, strokes))
        combinations[0] = 0
    signs = 1.0 - 2.0 * combinations
    largest = np.max([_students_t(signs * of_one, weights) for of_one in gains], axis=0)
    given = _students_t(gains, weights)
    # Beyond rounding: the given signs must count as no less than themselves.
    enough = given - 1e-9 * np.abs(given)
    return np.asarray((largest >= enough[:, np.newaxis]).mean(axis=1), np.float64)


def _mean_and_error(gains: Floats, weights: Floats) -> tuple[Floats, Floats]:
    mean = gains @ weights
    strokes = len(weights)
    squares = (gains - mean[..., np.newaxis]) ** 2 @ weights**2
    return mean, np.sqrt(strokes / (strokes - 1) * squares)


def _students_t(gains: Floats, weights: Floats) -> Floats:
    mean, error = _mean_and_error(gains, weights)
    # Where all strokes gain the same.
    return np.asarray(mean / np.maximum(error, 1e-12), np.float64)

"""Whether a change is a gain: the mean over strokes, and how far it may be chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.99
"""Of all gains together that are looked at for the one decision."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """What settings gain over others: the mean over strokes, and its standard error.

    Parameters
    ----------
    mean, error : float
    least : float
        What the mean is above with a confidence of 99 %, for all comparisons together.
    """

    mean: float
    error: float
    least: float

    @classmethod
    def of(cls, gains: Floats, weights: Floats, comparisons: int = 1) -> Gain:
        """Weigh the strokes' gains.

        Parameters
        ----------
        gains, weights : arrays of float, shape `(strokes,)`
            At least two; weights sum to one.
        comparisons : int
            How many gains are looked at: the more, the likelier is one of them by chance.
            Bonferroni's correction, which asks a higher confidence of each.
        """
        from scipy.special import stdtrit

        mean = float(weights @ gains)
        freedom = len(gains) - 1
        error = float(np.sqrt(len(gains) / freedom * (weights**2 @ (gains - mean) ** 2)))
        confidence = 1 - (1 - CONFIDENCE) / comparisons
        return cls(mean, error, mean - float(stdtrit(freedom, confidence)) * error)

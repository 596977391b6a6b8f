"""Whether a change is a gain: the mean over strokes, and how far it may be chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.99

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """What settings gain over others: the mean over strokes, and its standard error.

    Parameters
    ----------
    mean, error : float
    least : float
        What the mean is above with a confidence of 99 %.
    """

    mean: float
    error: float
    least: float

    @classmethod
    def of(cls, gains: Floats, weights: Floats) -> Gain:
        """Weigh the strokes' gains.

        Parameters
        ----------
        gains, weights : arrays of float, shape `(strokes,)`
            At least two; weights sum to one.
        """
        from scipy.special import stdtrit

        mean = float(weights @ gains)
        freedom = len(gains) - 1
        error = float(np.sqrt(len(gains) / freedom * (weights**2 @ (gains - mean) ** 2)))
        return cls(mean, error, mean - float(stdtrit(freedom, CONFIDENCE)) * error)

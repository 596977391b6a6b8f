"""Features of one plane as the compute process hands them over, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PlaneFeatures:
    """Features that a classifier is linear in, with their moments, kept by whoever asked for them.

    They live in the process that labels are shown in, and not where they were computed: a stroke
    then needs no word with another process, and a compute process that is killed costs nothing that
    was there. What is done with them needs numpy alone.

    Parameters
    ----------
    values : array of uint16, shape `(rows, columns, n_features)`
    unit : array of float32, shape `(n_features,)`
        What a 1 in `values` stands for.
    sums, squares : array of float64, shape `(n_features,)`
        Of the features, and of their squares, over all pixels.
    count : int
        Of these.
    gain : array of float32, shape `(n_features,)`
    epsilon, sharpness : float
        How they are standardised and scored.
    """

    values: npt.NDArray[np.uint16]
    unit: Floats
    sums: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    count: int
    gain: Floats
    epsilon: float
    sharpness: float

    @classmethod
    def from_answer(cls, values: npt.NDArray[np.uint16], answer: dict[str, Any]) -> Self:
        """Make it of an array and of what the compute process says of it."""
        return cls(
            values,
            np.array(answer["unit"], np.float32),
            np.array(answer["sums"]),
            np.array(answer["squares"]),
            answer["count"],
            np.array(answer["gain"], np.float32),
            answer["epsilon"],
            answer["sharpness"],
        )

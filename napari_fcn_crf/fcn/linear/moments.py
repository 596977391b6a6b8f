"""Moments of features, mean and variance of each channel, and standardisation by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.linear.logistic_regression import Linear

Floats = npt.NDArray[np.float32]

FLOOR = 0.01
"""Share of their mean added to all: a feature that hardly ever responds must not be the loudest."""

# As many as stay in a processor's cache.
_ROWS_AT_ONCE = 1 << 11


class Moments:
    """Mean and variance of each channel, added up some rows at a time.

    Parameters
    ----------
    width : int
        Number of channels.
    """

    def __init__(self, width: int) -> None:
        self._sums, self._squares, self._count = np.zeros(width), np.zeros(width), 0

    @classmethod
    def together(cls, several: Iterable[Moments]) -> Self:
        """Return the moments of all that some were added up from."""
        given = list(several)
        found = cls(len(given[0]._sums))
        for one in given:
            found._sums += one._sums
            found._squares += one._squares
            found._count += one._count
        return found

    @classmethod
    def of_sums(
        cls, sums: npt.NDArray[np.float64], squares: npt.NDArray[np.float64], count: int
    ) -> Self:
        """Return the moments of what was added up elsewhere: see `sums`."""
        found = cls(len(sums))
        found._sums += sums
        found._squares += squares
        found._count = count
        return found

    @property
    def sums(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
        """Sums and sums of squares of each channel, and of how many rows they are."""
        return self._sums, self._squares, self._count

    def add(self, values: Floats) -> None:
        """Add an array `(..., channels)`."""
        flat = values.reshape(-1, values.shape[-1])
        for start in range(0, len(flat), _ROWS_AT_ONCE):
            part = flat[start : start + _ROWS_AT_ONCE].astype(np.float64)
            self._sums += part.sum(axis=0)
            self._squares += np.einsum("ij,ij->j", part, part)
        self._count += len(flat)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Of each channel."""
        return self._sums / self._count

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        """Of each channel."""
        return np.maximum(self._squares / self._count - self.mean**2, 0)

    @property
    def floored_variance(self) -> npt.NDArray[np.float64]:
        """Of each channel, and a share of their mean, so that none is next to nothing."""
        variance = self.variance
        floored: npt.NDArray[np.float64] = variance + FLOOR * variance.mean() + 1e-6
        return floored

    def standard(self, gain: Floats, epsilon: float) -> Standard:
        """Return the standardisation that a `BatchNormalization` with these statistics is."""
        deviation = np.sqrt(self.floored_variance + epsilon).astype(np.float32)
        return Standard(self.mean.astype(np.float32), gain / deviation)


@dataclass(frozen=True, eq=False)
class Standard:
    """Standardisation of features: `(x - mean) * factor`.

    Parameters
    ----------
    mean, factor : array of float32, shape `(n_features,)`
    """

    mean: Floats
    factor: Floats

    def apply(self, features: Floats) -> Floats:
        """Return features `(n_pixels, n_features)` as the classifier is solved for."""
        return (features - self.mean) * self.factor

    def folded(self, linear: Linear, sharpness: float) -> Linear:
        """Return a classifier of standardised features as one of the features themselves.

        Parameters
        ----------
        linear : Linear
        sharpness : float
            Factor of its scores.
        """
        coefficients = sharpness * linear.coefficients * self.factor[:, np.newaxis]
        intercepts = sharpness * linear.intercepts - self.mean @ coefficients
        return Linear(coefficients, intercepts.astype(np.float32))


@dataclass(frozen=True)
class Kept:
    """How the features of a network are standardised, whatever their moments, and scored.

    Parameters
    ----------
    gain : array of float32, shape `(n_features,)`
        Factor of each standardised feature.
    epsilon : float
        What the normalisation adds to the variance.
    sharpness : float
        Factor of the solved scores.
    """

    gain: Floats
    epsilon: float
    sharpness: float

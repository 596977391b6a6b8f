"""Columns: features of every pixel of a plane, in 16 bits each, that a classifier is linear in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.linear.logistic_regression import Linear
from napari_fcn_crf.threads import available_threads, in_threads

Floats = npt.NDArray[np.float32]

_LARGEST = np.iinfo(np.uint16).max
# As many as stay in a processor's cache.
_PIXELS_AT_ONCE = 1 << 13


@dataclass(frozen=True, eq=False)
class Columns:
    """Features that are not negative, as whole numbers from 0 to 65535 of each one's largest.

    That is a fiftieth of what half precision rounds off, and multiplied at once.

    Parameters
    ----------
    values : array of uint16, shape `(rows, columns, n_features)`
    unit : array of float32, shape `(n_features,)`
        What a 1 in `values` stands for.
    """

    values: npt.NDArray[np.uint16]
    unit: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    @classmethod
    def of(cls, features: Floats, out: npt.NDArray[np.uint16] | None = None) -> Columns:
        """Return features `(rows, columns, n_features)` in 16 bits.

        Parameters
        ----------
        features : array of float32
            Not negative.
        out : array of uint16, same shape, optional
            Where the values are written, such as memory that another process shares.
        """
        values = np.empty(features.shape, np.uint16) if out is None else out
        unit = np.maximum(features.max(axis=(0, 1)), np.finfo(np.float32).tiny) / _LARGEST
        for row in range(len(features)):
            values[row] = np.rint(features[row] / unit)
        return cls(values, unit.astype(np.float32))

    def at(self, where: Any) -> Floats:
        """Return the features `(n_pixels, n_features)` of the pixels that an index chooses."""
        features: Floats = self.values[where] * self.unit
        return features

    def scores(self, linear: Linear, window: tuple[slice, slice]) -> Floats:
        """Return the scores `(n_classes, rows, columns)` of a window of the plane.

        Parameters
        ----------
        linear : Linear
            In the features as they are here.
        window : tuple of slice
            Rows and columns, every so many of them.
        """
        chosen = self.values[window]
        rows, columns = chosen.shape[:2]
        scores = np.empty((rows, columns, linear.n_classes), np.float32)
        kernel = linear.coefficients * self.unit[:, np.newaxis]
        step = max(1, _PIXELS_AT_ONCE // max(columns, 1))

        def score(begin: int, end: int) -> None:
            for first in range(begin, end, step):
                part = slice(first, min(first + step, end))
                np.matmul(chosen[part].astype(np.float32), kernel, out=scores[part])
                scores[part] += linear.intercepts

        in_threads(score, (), rows, available_threads(), step)
        return np.ascontiguousarray(scores.transpose(2, 0, 1))


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

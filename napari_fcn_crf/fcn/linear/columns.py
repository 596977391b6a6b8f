"""Columns: features of every pixel of a plane, in 16 bits each, that a classifier is linear in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.linear.logistic_regression import Linear
from napari_fcn_crf.threads import available_threads, in_threads, one_blas_thread

Floats = npt.NDArray[np.float32]

_LARGEST = np.iinfo(np.uint16).max
# As many as stay in a processor's cache.
_PIXELS_AT_ONCE = 1 << 11


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

    def at(self, where: Any) -> Floats:
        """Return the features `(n_pixels, n_features)` of the pixels that an index chooses."""
        features: Floats = self.values[where] * self.unit
        return features

    def probabilities(self, linear: Linear, window: tuple[slice, slice]) -> Floats:
        """Return the probabilities `(n_classes, rows, columns)` of a window of the plane.

        Parameters
        ----------
        linear : Linear
            In the features as they are here.
        window : tuple of slice
            Rows and columns, every so many of them.
        """
        chosen = self.values[window]
        rows, columns = chosen.shape[:2]
        found = np.empty((linear.n_classes, rows, columns), np.float32)
        kernel = linear.coefficients * self.unit[:, np.newaxis]
        step = max(1, _PIXELS_AT_ONCE // max(columns, 1))

        def classify(begin: int, end: int) -> None:
            for first in range(begin, end, step):
                part = chosen[first : min(first + step, end)]
                features = part.reshape(-1, part.shape[2]).astype(np.float32)
                # One row a class, where the rest is quick; the product itself is quicker so.
                scores = np.ascontiguousarray((features @ kernel).T)
                scores += linear.intercepts[:, np.newaxis]
                softmax(scores)
                found[:, first : first + len(part)] = scores.reshape(-1, *part.shape[:2])

        with one_blas_thread():
            in_threads(classify, (), rows, available_threads(), step)
        return found


def softmax(scores: Floats) -> None:
    """Replace scores `(n_classes, n_pixels)` by probabilities."""
    if len(scores) == 2:
        scores[1] -= scores[0]
        np.clip(scores[1], -80, 80, out=scores[1])
        np.exp(scores[1], out=scores[0])
        scores[0] += 1
        np.reciprocal(scores[0], out=scores[0])
        np.subtract(1, scores[0], out=scores[1])
        return
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)


class ColumnsWriter:
    """Writes features part by part, with one unit for all of them.

    Parameters
    ----------
    values : array of uint16, shape `(rows, columns, n_features)`
        Where they are written, such as memory that another process shares.
    """

    def __init__(self, values: npt.NDArray[np.uint16]) -> None:
        self._values = values
        self._unit = np.full(values.shape[2], np.finfo(np.float32).tiny)
        self._is_empty = True

    def write(self, place: tuple[slice, slice], features: Floats) -> None:
        """Write the features `(rows, columns, n_features)`, none negative, of a part of the plane.

        Where one is larger than all before, what there is of it is halved until there is room.
        """
        largest = features.max(axis=(0, 1), initial=0).astype(np.float64) / _LARGEST
        if self._is_empty:
            self._unit = np.maximum(largest, self._unit)
            self._is_empty = False
        ratio = np.maximum(largest / self._unit, 1)
        halvings = np.ceil(np.log2(ratio)).astype(np.uint16)
        if halvings.any():
            self._values >>= halvings
            self._unit *= np.exp2(halvings)
        part = self._values[place]
        for row, given in zip(part, features, strict=True):
            row[...] = np.rint(given / self._unit)

    def columns(self) -> Columns:
        """Return what was written."""
        return Columns(self._values, self._unit.astype(np.float32))

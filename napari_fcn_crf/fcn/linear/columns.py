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
        # Numba is imported when it is needed, not with this module.
        from napari_fcn_crf.fcn.linear.scoring import classify

        rows, columns = (
            range(side)[chosen] for side, chosen in zip(self.shape, window, strict=True)
        )
        kernel = np.ascontiguousarray((linear.coefficients * self.unit[:, np.newaxis]).T)
        found = np.empty((linear.n_classes, len(rows), len(columns)), np.float32)
        places = rows.start, rows.step, columns.start, columns.step
        arguments = (self.values, places, kernel, linear.intercepts, found)
        in_threads(classify, arguments, len(rows), available_threads())
        return found


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

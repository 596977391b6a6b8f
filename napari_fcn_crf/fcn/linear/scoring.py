"""Scoring: class probabilities of whole lines of pixels by a linear classifier, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.kernels.compilation import kernel
from napari_fcn_crf.kernels.elementary import exponentials

Array = Any

_ONE = np.float32(1)


# Sums may be taken in another order, so that the compiler makes vector code of them.
@kernel(fastmath={"contract", "reassoc"})
def classify(
    begin: int,
    end: int,
    values: Array,
    places: tuple[int, int, int, int],
    coefficients: Array,
    intercepts: Array,
    found: Array,
) -> None:
    """Write the probabilities of some lines of a window.

    Parameters
    ----------
    begin, end : int
        Of the window's lines.
    values : uint16 array, shape (rows, columns, features)
    places : tuple of int
        The window's first row, the step to the next, its first column, and the step to the next.
    coefficients : float32 array, shape (classes, features)
    intercepts : float32 array, shape (classes,)
    found : float32 array, shape (classes, lines, columns)
    """
    classes, features = coefficients.shape
    columns = found.shape[2]
    first_row, row_step, first_column, column_step = places
    pixel = np.empty(features, np.float32)
    scores = np.empty((classes, columns), np.float32)
    largest = np.empty(columns, np.float32)
    for line in range(begin, end):
        y = first_row + line * row_step
        for i in range(columns):
            x = first_column + i * column_step
            for j in range(features):
                pixel[j] = np.float32(np.int32(values[y, x, j]))
            for c in range(classes):
                total = np.float32(0)
                for j in range(features):
                    total += pixel[j] * coefficients[c, j]
                scores[c, i] = total + intercepts[c]
        for i in range(columns):
            largest[i] = scores[0, i]
        for c in range(1, classes):
            for i in range(columns):
                largest[i] = max(largest[i], scores[c, i])
        for c in range(classes):
            for i in range(columns):
                scores[c, i] -= largest[i]
        exponentials(scores.reshape(scores.size))
        for i in range(columns):
            largest[i] = scores[0, i]
        for c in range(1, classes):
            for i in range(columns):
                largest[i] += scores[c, i]
        for i in range(columns):
            largest[i] = _ONE / largest[i]
        for c in range(classes):
            for i in range(columns):
                found[c, line, i] = scores[c, i] * largest[i]

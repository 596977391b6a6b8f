"""Most probable class of each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import planes
from napari_fcn_crf.threads import available_threads, in_threads

# As many as stay in a processor's cache with what is compared.
_PIXELS_AT_ONCE = 1 << 15


def most_probable(
    probabilities: npt.NDArray[np.floating],
    values: npt.NDArray[np.integer] | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.integer]:
    """Return each pixel's most probable class.

    Parameters
    ----------
    probabilities : array, shape `(n_classes, *spatial)`
    values : array of int, shape `(n_classes,)`, optional
        What stands for each class; by default its position along the first axis, in the smallest
        type that holds all of them.
    threads : int, optional
        That share the work, the caller's among them; as many as there are by default.

    Returns
    -------
    array of int, shape `spatial`

    Notes
    -----
    Classes are compared one by one, some rows at a time: `argmax` turns all of them around first,
    and takes eight bytes a pixel.
    """
    n_classes = len(probabilities)
    if values is None:
        values = np.arange(n_classes, dtype=np.min_scalar_type(n_classes))
    found = np.empty(probabilities.shape[1:], values.dtype)
    threads = available_threads() if threads is None else threads
    for index in planes(found.shape):
        part: Any = (slice(None), *index)
        plane, target = probabilities[part], found[index]
        step = max(1, _PIXELS_AT_ONCE // max(1, target.shape[1]))

        def choose(
            begin: int, end: int, plane: Any = plane, target: Any = target, step: int = step
        ) -> None:
            for first in range(begin, end, step):
                rows = slice(first, min(first + step, end))
                chosen, best = target[rows], plane[0, rows].copy()
                chosen[...] = values[0]
                for one in range(1, n_classes):
                    np.copyto(chosen, values[one], where=plane[one, rows] > best)
                    np.maximum(best, plane[one, rows], out=best)

        in_threads(choose, (), target.shape[0], threads, step)
    return found

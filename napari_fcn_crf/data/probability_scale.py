"""Probabilities that were exported as whole numbers, back on the scale from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FULL = (255, 65535)
"""What stands for 1 in exports of 8 and of 16 bits."""


def on_unit_scale(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """Return probabilities on the scale from 0 to 1, and what to say of it.

    Whole numbers above 1 are exports of 8 or 16 bits: ilastik's, for example. With two axes or more
    behind the first, which is taken for the classes, what rounding has left of the sum of one is
    made up for.

    Returns
    -------
    probabilities : array
        As given if they are no such numbers.
    note : str
        A sentence if they are, else empty.
    """
    full = scale_of(array)
    if not full:
        return array, ""
    scaled: npt.NDArray[Any] = np.asarray(array, np.float32) / full
    if scaled.ndim > 2:
        total = scaled.sum(axis=0)
        # Each number may be half a step off.
        rounded = 0.5 * (len(scaled) + 1) / full
        if np.abs(total - 1).max(initial=0) <= rounded:
            scaled /= total
    return scaled, (
        f"The probabilities are whole numbers up to {full}, as other programs export them: they "
        f"were divided by {full}."
    )


def scale_of(array: npt.NDArray[Any]) -> int:
    """Return the whole number that stands for 1, or 0 if these are no such exports."""
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0 or array.max() <= 1:
        return 0
    most = int(array.max())
    return next((full for full in _FULL if most <= full and _may_hold(array.dtype, full)), 0)


def _may_hold(dtype: np.dtype[Any], full: int) -> bool:
    # What is of 16 bits and dark all over is no export of 8.
    return full <= np.iinfo(dtype).max and not (dtype == np.uint16 and full == _FULL[0])

"""Exponential and logarithm of float32 arrays, as vector code."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.kernels.compilation import part_of_kernel

Array = Any

_LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts, the first with few digits: n ln 2 is then exact in float32.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)


@part_of_kernel(fastmath={"contract"})
def exponentials(values: Array) -> None:
    """Replace values in (-inf, 0] by their exponentials, to a relative 2e-7; below -80 by 2e-35.

    Written out because the compiler makes vector code of it, and does not of the library's.
    """
    for i in range(values.size):
        x = max(values[i], np.float32(-80))
        whole = (x * _LOG2_E + _ROUND) - _ROUND
        r = x - whole * _LN2_HIGH
        r -= whole * _LN2_LOW
        series = np.float32(1 / 720)
        series = series * r + np.float32(1 / 120)
        series = series * r + np.float32(1 / 24)
        series = series * r + np.float32(1 / 6)
        series = series * r + np.float32(1 / 2)
        series = series * r + np.float32(1)
        series = series * r + np.float32(1)
        power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
        values[i] = series * np.int32(power).view(np.float32)


@part_of_kernel(fastmath={"contract"})
def logarithms(values: Array) -> None:
    """Replace positive normal float32 values by their natural logarithms, to 2e-7."""
    for i in range(values.size):
        bits = np.float32(values[i]).view(np.int32)
        # The mantissa is taken from [1/sqrt 2, sqrt 2), where the series converges fast.
        exponent = np.int32((bits - np.int32(0x3F3504F3)) >> np.int32(23))
        x = np.int32(bits - (exponent << np.int32(23))).view(np.float32)
        y = (x - np.float32(1)) / (x + np.float32(1))
        square = y * y
        series = np.float32(2 / 9)
        series = series * square + np.float32(2 / 7)
        series = series * square + np.float32(2 / 5)
        series = series * square + np.float32(2 / 3)
        series = series * square + np.float32(2)
        # Not in two parts like the exponential: |exponent ln 2| is at most 12 for a probability.
        values[i] = np.float32(exponent) * np.float32(0.6931471805599453) + y * series

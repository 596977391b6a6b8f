"""Radix sort of 64-bit keys, in linear time."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.kernels.compilation import part_of_kernel

_BITS = np.uint64(11)
_DIGITS = 1 << 11

Array = Any


@part_of_kernel
def _digit(key: Any, lowest: Any, shift: Any) -> Any:
    return (np.uint64(key - lowest) >> shift) & np.uint64(_DIGITS - 1)


@part_of_kernel
def radix_sort(keys: Array) -> Any:
    """Return int64 keys in ascending order, and the places they had; those given are overwritten.

    Equal keys stay in the order they are in. There are as many rounds as the range of the keys has
    digits of eleven bits.
    """
    size = keys.size
    lowest = highest = keys[0]
    order, other_order = np.empty(size, np.int32), np.empty(size, np.int32)
    for i in range(size):
        lowest, highest = min(lowest, keys[i]), max(highest, keys[i])
        order[i] = i
    other_keys = np.empty_like(keys)
    starts = np.empty(_DIGITS + 1, np.int64)
    shift = np.uint64(0)
    while shift < np.uint64(64) and np.uint64(highest - lowest) >> shift > np.uint64(0):
        for digit in range(starts.size):
            starts[digit] = 0
        for i in range(size):
            starts[_digit(keys[i], lowest, shift) + np.uint64(1)] += 1
        for digit in range(_DIGITS):
            starts[digit + 1] += starts[digit]
        for i in range(size):
            digit = _digit(keys[i], lowest, shift)
            place = starts[digit]
            starts[digit] += 1
            other_keys[place] = keys[i]
            other_order[place] = order[i]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
        shift += _BITS
    return keys, order

"""Kernels that filter by a permutohedral lattice: splat, blur, slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ._compile import kernel

# Tuples whose lengths the compiler knows: loops over the d + 1 corners of a simplex are unrolled
# where d is that of positions (2), gray (3) and RGB (5) images.
_THREE, _FOUR, _SIX = (0,) * 3, (0,) * 4, (0,) * 6
# Below this many sums, waking other threads takes longer than they would save.
_WORTH_THREADS = 1 << 19

Array = Any


@kernel(fastmath={"contract"})
def splat_line(slots: Array, weights: Array, values: Array, sums: Array) -> None:
    """Add values (n, channels), weighted, to the slots (n, d + 1) of a tile's (slots, channels)."""
    size = slots.shape[1]
    if values.shape[1] > 2:
        _splat_many(slots, weights, values, sums)
    elif size == 3:
        _splat_few(slots, weights, values, sums, _THREE)
    elif size == 4:
        _splat_few(slots, weights, values, sums, _FOUR)
    elif size == 6:
        _splat_few(slots, weights, values, sums, _SIX)
    else:
        _splat_few(slots, weights, values, sums, slots[0])


@kernel(fastmath={"contract"})
def _splat_many(slots: Array, weights: Array, values: Array, sums: Array) -> None:
    """Do `splat_line` with vectors of channels, three corners at a time."""
    channels, size = values.shape[1], slots.shape[1]
    for i in range(slots.shape[0]):
        for r in range(0, size - 2, 3):
            a, b, c = slots[i, r], slots[i, r + 1], slots[i, r + 2]
            wa, wb, wc = weights[i, r], weights[i, r + 1], weights[i, r + 2]
            for k in range(channels):
                value = values[i, k]
                sums[a, k] += wa * value
                sums[b, k] += wb * value
                sums[c, k] += wc * value
        for r in range(size - size % 3, size):
            for k in range(channels):
                sums[slots[i, r], k] += weights[i, r] * values[i, k]


@kernel(fastmath={"contract"})
def _splat_few(slots: Array, weights: Array, values: Array, sums: Array, corners: Any) -> None:
    """Do `splat_line` for one or two channels."""
    if values.shape[1] == 1:
        for i in range(slots.shape[0]):
            value = values[i, 0]
            for r in range(len(corners)):
                sums[slots[i, r], 0] += weights[i, r] * value
    elif values.shape[1] == 2:
        for i in range(slots.shape[0]):
            one, other = values[i, 0], values[i, 1]
            for r in range(len(corners)):
                weight = weights[i, r]
                slot = slots[i, r]
                sums[slot, 0] += weight * one
                sums[slot, 1] += weight * other


@kernel(fastmath={"contract"})
def slice_line(slots: Array, weights: Array, sums: Array, factor: Any, values: Array) -> None:
    """Add `factor` times the weighted sum of their slots to values (n, channels) (p. 8)."""
    size = slots.shape[1]
    if values.shape[1] > 2:
        _slice_many(slots, weights, sums, factor, values)
    elif size == 3:
        _slice_few(slots, weights, sums, factor, values, _THREE)
    elif size == 4:
        _slice_few(slots, weights, sums, factor, values, _FOUR)
    elif size == 6:
        _slice_few(slots, weights, sums, factor, values, _SIX)
    else:
        _slice_few(slots, weights, sums, factor, values, slots[0])


@kernel(fastmath={"contract"})
def _slice_many(slots: Array, weights: Array, sums: Array, factor: Any, values: Array) -> None:
    """Do `slice_line` with vectors of channels, three corners at a time."""
    channels, size = values.shape[1], slots.shape[1]
    for i in range(slots.shape[0]):
        for r in range(0, size - 2, 3):
            a, b, c = slots[i, r], slots[i, r + 1], slots[i, r + 2]
            wa, wb, wc = (
                factor * weights[i, r],
                factor * weights[i, r + 1],
                factor * weights[i, r + 2],
            )
            for k in range(channels):
                values[i, k] += wa * sums[a, k] + wb * sums[b, k] + wc * sums[c, k]
        for r in range(size - size % 3, size):
            weight = factor * weights[i, r]
            for k in range(channels):
                values[i, k] += weight * sums[slots[i, r], k]


@kernel(fastmath={"contract"})
def _slice_few(
    slots: Array, weights: Array, sums: Array, factor: Any, values: Array, corners: Any
) -> None:
    """Do `slice_line` for one or two channels."""
    if values.shape[1] == 1:
        for i in range(slots.shape[0]):
            total = np.float32(0)
            for r in range(len(corners)):
                total += weights[i, r] * sums[slots[i, r], 0]
            values[i, 0] += factor * total
    elif values.shape[1] == 2:
        for i in range(slots.shape[0]):
            one, other = np.float32(0), np.float32(0)
            for r in range(len(corners)):
                weight = weights[i, r]
                slot = slots[i, r]
                one += weight * sums[slot, 0]
                other += weight * sums[slot, 1]
            values[i, 0] += factor * one
            values[i, 1] += factor * other


@kernel
def _splat_ones(tile: int, slots: Array, weights: Array, boxes: Array, sums: Array) -> None:
    sums[:] = 0
    for z in range(boxes[tile, 0], boxes[tile, 1]):
        for y in range(boxes[tile, 2], boxes[tile, 3]):
            for x in range(boxes[tile, 4], boxes[tile, 5]):
                for r in range(slots.shape[3]):
                    sums[slots[z, y, x, r], 0] += weights[z, y, x, r]


@kernel(parallel=True)
def splat_ones(slots: Array, weights: Array, boxes: Array, starts: Array, sums: Array) -> None:
    """Write the sums (slots, 1) of a filter whose every pixel has the value 1."""
    for tile in prange(boxes.shape[0]):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        _splat_ones(np.int64(tile), slots, weights, boxes, of_tile)


@kernel
def _normalise(tile: int, slots: Array, weights: Array, boxes: Array, sums: Array) -> None:
    for z in range(boxes[tile, 0], boxes[tile, 1]):
        for y in range(boxes[tile, 2], boxes[tile, 3]):
            for x in range(boxes[tile, 4], boxes[tile, 5]):
                total = np.float32(0)
                for r in range(slots.shape[3]):
                    total += weights[z, y, x, r] * sums[slots[z, y, x, r], 0]
                scale = np.float32(1) / np.sqrt(total)
                for r in range(slots.shape[3]):
                    weights[z, y, x, r] *= scale


@kernel(parallel=True)
def normalise(slots: Array, weights: Array, boxes: Array, starts: Array, sums: Array) -> None:
    """Divide each pixel's weights by the square root of its value in the sums (slots, 1)."""
    for tile in prange(boxes.shape[0]):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        _normalise(np.int64(tile), slots, weights, boxes, of_tile)


@kernel
def _gather(
    sums: Array, starts: Array, grouped: Array, begin: int, end: int, values: Array
) -> None:
    """Add up the slots of the vertices from `begin` to `end`."""
    for vertex in range(begin, end):
        for c in range(sums.shape[1]):
            values[vertex, c] = np.float32(0)
        for place in range(starts[vertex], starts[vertex + 1]):
            slot = grouped[place]
            for c in range(sums.shape[1]):
                values[vertex, c] += sums[slot, c]


@kernel(fastmath={"contract"})
def _blur_axis(neighbours: Array, begin: int, end: int, values: Array, blurred: Array) -> None:
    """Blur the vertices from `begin` to `end` along the axis of these neighbours."""
    half = np.float32(0.5)
    if values.shape[1] == 1:
        for vertex in range(begin, end):
            one, other = neighbours[vertex, 0], neighbours[vertex, 1]
            blurred[vertex, 0] = values[vertex, 0] + half * (values[one, 0] + values[other, 0])
    else:
        for vertex in range(begin, end):
            one, other = neighbours[vertex, 0], neighbours[vertex, 1]
            for c in range(values.shape[1]):
                blurred[vertex, c] = values[vertex, c] + half * (values[one, c] + values[other, c])


@kernel
def _scatter(values: Array, vertex_of: Array, begin: int, end: int, sums: Array) -> None:
    """Fill the slots from `begin` to `end` with their vertices' values."""
    for slot in range(begin, end):
        vertex = vertex_of[slot]
        for c in range(sums.shape[1]):
            sums[slot, c] = values[vertex, c]


@kernel(parallel=True)
def blur(
    sums: Array,
    vertex_of: Array,
    starts: Array,
    grouped: Array,
    neighbours: Array,
    values: Array,
    blurred: Array,
    chunks: int,
) -> None:
    """Replace the slots' sums by the blurred ones: (1/2, 1, 1/2) along each axis (p. 7).

    `values` and `blurred`, shape (vertices + 1, channels), are work space. Their last row stands
    for all vertices that do not exist.
    """
    axes, count = neighbours.shape[:2]
    slots, channels = sums.shape
    for c in range(channels):
        values[count, c] = blurred[count, c] = np.float32(0)
    if axes * count * channels < _WORTH_THREADS:
        _gather(sums, starts, grouped, 0, count, values)
        for a in range(axes):
            _blur_axis(neighbours[a], 0, count, values, blurred)
            values, blurred = blurred, values
        _scatter(values, vertex_of, 0, slots, sums)
        return
    for k in prange(chunks):
        begin, end = count * k // chunks, count * (k + 1) // chunks
        _gather(sums, starts, grouped, begin, end, values)
    for a in range(axes):
        for k in prange(chunks):
            begin, end = count * k // chunks, count * (k + 1) // chunks
            _blur_axis(neighbours[a], begin, end, values, blurred)
        values, blurred = blurred, values
    for k in prange(chunks):
        _scatter(values, vertex_of, slots * k // chunks, slots * (k + 1) // chunks, sums)

"""Kernels that filter by a permutohedral lattice: splat, blur, slice.

Rows of channels are as long as a tuple that is passed along, and pixels have as many corners as
another: a kernel is compiled for both lengths. Sums and values are flat arrays of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._compile import kernel, part_of_kernel
from ._rows import add_row

Array = Any
_HALF = np.float32(0.5)


@part_of_kernel
def splat_line(
    slots: Array, weights: Array, values: Array, sums: Array, corners: Any, row: Any
) -> None:
    """Add the pixels' rows of values, weighted, to the sums of their slots (n, d + 1)."""
    for i in range(slots.shape[0]):
        for r in range(len(corners)):
            slot = slots[i, r]
            add_row(sums, slot, sums, slot, weights[i, r], values, i, row)


@part_of_kernel
def slice_line(
    slots: Array, weights: Array, sums: Array, factor: Any, values: Array, corners: Any, row: Any
) -> None:
    """Add `factor` times the weighted sums of their slots to the pixels' rows (p. 8)."""
    for i in range(slots.shape[0]):
        for r in range(len(corners)):
            add_row(values, i, values, i, factor * weights[i, r], sums, slots[i, r], row)


@kernel
def splat_ones(
    begin: int, end: int, slots: Array, weights: Array, boxes: Array, starts: Array, sums: Array
) -> None:
    """Write the sums of a filter whose every pixel has the value 1, for a range of tiles."""
    for tile in range(begin, end):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        for slot in range(of_tile.size):
            of_tile[slot] = np.float32(0)
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                for x in range(boxes[tile, 4], boxes[tile, 5]):
                    for r in range(slots.shape[3]):
                        of_tile[slots[z, y, x, r]] += weights[z, y, x, r]


@kernel
def normalise(
    begin: int, end: int, slots: Array, weights: Array, boxes: Array, starts: Array, sums: Array
) -> None:
    """Divide the pixels' weights by the square root of their value in the sums of `splat_ones`."""
    for tile in range(begin, end):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                for x in range(boxes[tile, 4], boxes[tile, 5]):
                    total = np.float32(0)
                    for r in range(slots.shape[3]):
                        total += weights[z, y, x, r] * of_tile[slots[z, y, x, r]]
                    scale = np.float32(1) / np.sqrt(total)
                    for r in range(slots.shape[3]):
                        weights[z, y, x, r] *= scale


@kernel
def gather(
    begin: int, end: int, sums: Array, starts: Array, grouped: Array, values: Array, row: Any
) -> None:
    """Add up the slots of a range of vertices."""
    for k in range(begin * len(row), end * len(row)):
        values[k] = np.float32(0)
    for vertex in range(begin, end):
        for place in range(starts[vertex], starts[vertex + 1]):
            add_row(values, vertex, values, vertex, np.float32(1), sums, grouped[place], row)


@kernel
def blur_axis(
    begin: int, end: int, neighbours: Array, values: Array, blurred: Array, row: Any
) -> None:
    """Blur a range of vertices by (1/2, 1, 1/2) along the axis of these neighbours (p. 7)."""
    for vertex in range(begin, end):
        add_row(blurred, vertex, values, vertex, _HALF, values, neighbours[vertex, 0], row)
        add_row(blurred, vertex, blurred, vertex, _HALF, values, neighbours[vertex, 1], row)


@kernel
def scatter(begin: int, end: int, values: Array, vertex_of: Array, sums: Array, row: Any) -> None:
    """Fill a range of slots with their vertices' values."""
    for slot in range(begin, end):
        vertex = vertex_of[slot]
        add_row(sums, slot, values, vertex, np.float32(0), values, vertex, row)


@kernel
def blur(
    sums: Array,
    vertex_of: Array,
    starts: Array,
    grouped: Array,
    neighbours: Array,
    values: Array,
    blurred: Array,
    row: Any,
) -> None:
    """Replace the slots' sums by the blurred ones, in one thread."""
    axes, count = neighbours.shape[:2]
    gather(0, count, sums, starts, grouped, values, row)
    for a in range(axes):
        blur_axis(0, count, neighbours[a], values, blurred, row)
        values, blurred = blurred, values
    scatter(0, vertex_of.size, values, vertex_of, sums, row)

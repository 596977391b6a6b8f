"""Kernels that filter by a permutohedral lattice: splat, blur, slice.

Rows of channels are as long as a tuple that is passed along, and pixels have as many corners as
another: a kernel is compiled for both lengths. Sums and values are flat arrays of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.crf._kernels.rows import add_row
from napari_fcn_crf.crf._kernels.vertices import NOBODY
from napari_fcn_crf.kernels.compilation import kernel, part_of_kernel

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


@part_of_kernel
def _slot_at(grouped: Array, place: int) -> Any:
    """Return a slot of `group_slots`, and whether it is its vertex' first.

    Without a branch, which the processor could not foresee.
    """
    slot: Any = np.int64(grouped[place])
    is_first = slot < 0
    return ~slot if is_first else slot, is_first


@kernel
def gather(
    begin: int,
    end: int,
    sums: Array,
    starts: Array,
    grouped: Array,
    values: Array,
    pieces: int,
    piece: int,
    row: Any,
) -> None:
    """Add up the slots of a range of vertices: one of the `pieces` that their rows consist of."""
    # Behind the last vertex, values are zero.
    nothing = starts.size - 1
    vertex: Any = begin - 1
    for place in range(starts[begin], starts[end]):
        slot, is_first = _slot_at(grouped, place)
        vertex += is_first
        so_far = nothing if is_first else vertex
        add_row(values, vertex, values, so_far, np.float32(1), sums, slot * pieces + piece, row)


@kernel
def blur_axis(
    begin: int, end: int, blocks: Array, offsets: Array, values: Array, blurred: Array, row: Any
) -> None:
    """Blur a range of blocks of vertices by (1/2, 1, 1/2) along the axis they are of (p. 7)."""
    nothing: Any = np.int64(offsets.shape[0])
    for block in range(begin, end):
        first_after, first_before = np.int64(blocks[block, 1]), np.int64(blocks[block, 2])
        for vertex in range(blocks[block, 0], blocks[block + 1, 0]):
            after: Any = np.int64(offsets[vertex, 0])
            before: Any = np.int64(offsets[vertex, 1])
            after = first_after + after if after != NOBODY else nothing
            before = first_before + before if before != NOBODY else nothing
            add_row(blurred, vertex, values, vertex, _HALF, values, after, row)
            add_row(blurred, vertex, blurred, vertex, _HALF, values, before, row)


@kernel
def scatter(
    begin: int,
    end: int,
    values: Array,
    starts: Array,
    grouped: Array,
    sums: Array,
    pieces: int,
    piece: int,
    row: Any,
) -> None:
    """Fill the slots of a range of vertices with their values: what `gather` took."""
    vertex: Any = begin - 1
    for place in range(starts[begin], starts[end]):
        slot, is_first = _slot_at(grouped, place)
        vertex += is_first
        target = slot * pieces + piece
        add_row(sums, target, values, vertex, np.float32(0), values, vertex, row)

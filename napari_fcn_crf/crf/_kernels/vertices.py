"""Kernels that put the tiles' slots together: the lattice's vertices, and who is whose neighbour.

Vertices are numbered in the order of their keys. A step along an axis of the lattice adds the same
to every key, so the neighbours of consecutive vertices follow each other, too: they are found by
going through the keys once, read in the order they lie in memory, and told apart by a byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.crf._kernels.radix_sort import radix_sort
from napari_fcn_crf.kernels.compilation import kernel, part_of_kernel

NOBODY = 255
"""The byte of a neighbour that does not exist."""

Array = Any


@kernel
def group_slots(keys: Array) -> Any:
    """Return the vertices' keys, the slots of each, and where they begin.

    The slots are in the order of their vertices, and the first of each vertex is ~slot, which is
    negative. `keys`, of the slots, are overwritten.
    """
    ordered, slots = radix_sort(keys)
    count = 1
    for i in range(1, ordered.size):
        count += ordered[i] != ordered[i - 1]
    starts = np.empty(count + 1, np.int32)
    vertex = 0
    for i in range(ordered.size):
        # Overwritten in place: this is where memory is largest.
        key = ordered[i]
        if i == 0 or key != ordered[vertex - 1]:
            ordered[vertex] = key
            starts[vertex] = i
            slots[i] = ~slots[i]
            vertex += 1
    starts[count] = ordered.size
    return ordered[:count], slots, starts


@part_of_kernel
def _place(keys: Array, key: Any, place: int) -> int:
    """Return the place of the first key that is not below `key`, searched from another's place."""
    # Keys that hash coordinates overflow: the next one may be far below.
    if place > 0 and keys[place - 1] >= key:
        place = 0
    while place < keys.size and keys[place] < key:
        place += 1
    return place


@part_of_kernel
def _is_out_of_reach(other: int, base: Any) -> bool:
    return bool(other >= 0 and base >= 0 and (other < base or other - base >= NOBODY))


@kernel
def find_neighbours(keys: Array, step: Any, offsets: Array) -> Array:
    """Find the two neighbours of each vertex along an axis, whose keys are `step` more and less.

    Parameters
    ----------
    keys : int64 array, shape (vertices,)
        In ascending order.
    step : int64
    offsets : uint8 array, shape (vertices, 2)
        Becomes how far each neighbour is behind the first of its block, or `NOBODY`.

    Returns
    -------
    int32 array, shape (blocks + 1, 3)
        A block's first vertex, and the first neighbours of its vertices. The last one only says
        where the one before ends.
    """
    count = keys.size
    # Memory that is never written to is never used.
    blocks = np.empty((count + 1, 3), np.int32)
    last = -1
    up, down = 0, 0
    for vertex in range(count):
        up = _place(keys, keys[vertex] + step, up)
        down = _place(keys, keys[vertex] - step, down)
        after = up if up < count and keys[up] == keys[vertex] + step else -1
        before = down if down < count and keys[down] == keys[vertex] - step else -1
        if (
            last < 0
            or _is_out_of_reach(after, blocks[last, 1])
            or _is_out_of_reach(before, blocks[last, 2])
        ):
            last += 1
            blocks[last, 0] = vertex
            blocks[last, 1] = blocks[last, 2] = -1
        if blocks[last, 1] < 0:
            blocks[last, 1] = after
        if blocks[last, 2] < 0:
            blocks[last, 2] = before
        offsets[vertex, 0] = after - blocks[last, 1] if after >= 0 else NOBODY
        offsets[vertex, 1] = before - blocks[last, 2] if before >= 0 else NOBODY
    used = np.empty((last + 2, 3), np.int32)
    for block in range(last + 1):
        for k in range(3):
            used[block, k] = blocks[block, k]
    used[last + 1, 0] = count
    used[last + 1, 1] = used[last + 1, 2] = -1
    return used

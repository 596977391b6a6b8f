"""Kernels that build the permutohedral lattice: the tiles' dictionaries.

The steps and their names are those of Adams, Baek and Davis (2010), see `lattice`. What is ours is
the order of the work. The image is cut into tiles. Each tile numbers the vertices it touches on its
own, in a table that stays in the processor's cache (a hash table of numbers, whose keys stand in an
array); one number of a vertex in one tile is a *slot*. Splatting and slicing meet only slots, with
16-bit numbers; slots of the same vertex are added up just before the blur and filled again just
after it. So threads, which take ranges of tiles or of vertices, never write to the same place, and
results do not depend on their number.

Vertices are known by a 64-bit key that is linear in their coordinates, so a step along the lattice
is an addition; `lattice.key_multipliers` says why keys are unique.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.crf._kernels.radix_sort import radix_sort
from napari_fcn_crf.kernels.compilation import kernel, part_of_kernel

# 2^64 divided by the golden ratio: Knuth's multiplicative hash.
_HASH = np.uint64(0x9E3779B97F4A7C15)
# Adding and subtracting 1.5 * 2^23 rounds a float32 to the nearest even integer.
_ROUND = np.float32(12582912.0)
# As far as that is exact. What lies beyond, or is NaN, is taken for 0: whatever a caller passes, no
# rank may lead out of an array.
_FARTHEST = np.float32(1 << 22)
MOST_SLOTS = 65536
"""Slots of a tile are numbered with 16 bits."""

# A tile with fewer slots has its sums in the innermost cache, in whatever order.
_WORTH_SORTING = 2048

Array = Any


@part_of_kernel
def _shift(table: Array) -> Any:
    """Return how far a hash is shifted right to be an entry of a table of 2^n entries."""
    shift = 64
    while (1 << (64 - shift)) < table.shape[0]:
        shift -= 1
    return np.uint64(shift)


@part_of_kernel
def _home(key: Any, shift: Any) -> Any:
    """Return the entry in which a key is looked for first."""
    return np.int64((np.uint64(key) * _HASH) >> shift)


@part_of_kernel
def _is_crowded(table: Array, count: int) -> bool:
    """Return whether more than five eighths of the entries would be taken."""
    return bool(8 * count > 5 * table.shape[0])


@part_of_kernel
def _grown(table: Array, keys: Array, first: int, count: int) -> Array:
    """Return a table of twice the entries with the numbers from `first` to `count`."""
    larger = np.full(2 * table.shape[0], -1, np.int32)
    shift = _shift(larger)
    mask = larger.shape[0] - 1
    for number in range(first, count):
        entry = _home(keys[number], shift)
        while larger[entry] >= 0:
            entry = (entry + 1) & mask
        larger[entry] = number
    return larger


@part_of_kernel
def _copied(array: Array, count: int, size: int) -> Array:
    """Return an array of another size with the first `count` elements.

    Element by element, here and elsewhere: for an assignment of slices numba compiles the text of
    its error message, too, which takes longer than the kernel.
    """
    copy = np.empty(size, array.dtype)
    for i in range(count):
        copy[i] = array[i]
    return copy


@part_of_kernel
def _elevate_line(features: Array, scale: Array, n: int, elevated: Array, running: Array) -> None:
    """Write the `n` points' coordinates in the plane of the lattice: y = E x (p. 5).

    Multiplications and additions are rounded to float32 one by one and in the reference's order,
    so that a point on a simplex' border falls to the same side.
    """
    d = features.shape[0]
    for i in range(n):
        running[i] = np.float32(0)
    for j in range(d, 0, -1):
        factor = np.float32(j)
        for i in range(n):
            step = features[j - 1, i] * scale[j - 1]
            elevated[j, i] = running[i] - factor * step
            running[i] += step
    for i in range(n):
        elevated[0, i] = running[i]


@part_of_kernel
def _rank_line(elevated: Array, n: int, simplices: Any, total: Array) -> None:
    """Find the simplex of each of `n` points (p. 7).

    `simplices` become its remainder-0 vertex divided by d + 1, the order of the point's offsets
    from it, largest first, and those offsets divided by d + 1.
    """
    nearest, rank, offset = simplices
    vertices = elevated.shape[0]
    size = np.float32(vertices)
    inverse = np.float32(1) / size
    for i in range(n):
        total[i] = 0
    for a in range(vertices):
        for i in range(n):
            multiple = inverse * elevated[a, i]
            known = multiple if abs(multiple) < _FARTHEST else np.float32(0)
            whole = (known + _ROUND) - _ROUND
            nearest[a, i] = np.int32(whole)
            total[i] += np.int32(whole)
            offset[a, i] = elevated[a, i] - whole * size
    for a in range(vertices):
        for i in range(n):
            rank[a, i] = total[i]
    for a in range(vertices - 1):
        for b in range(a + 1, vertices):
            for i in range(n):
                below = np.int32(offset[a, i] < offset[b, i])
                rank[a, i] += below
                rank[b, i] += 1 - below
    last = np.int32(vertices - 1)
    # Where the nearest integers do not sum to zero, the point is brought back to the plane.
    for a in range(vertices):
        for i in range(n):
            wrap = np.int32(rank[a, i] < 0) - np.int32(rank[a, i] >= vertices)
            inside = np.int32(rank[a, i] + wrap * vertices)
            rank[a, i] = min(max(inside, np.int32(0)), last)
            nearest[a, i] += wrap
            offset[a, i] = (elevated[a, i] - np.float32(nearest[a, i]) * size) * inverse


@part_of_kernel
def _features_of_line(
    axes: Array, image: Array, sigma: Array, z: int, y: int, x: int, n: int, features: Array
) -> None:
    """Write the features of `n` neighbouring pixels: position, then channels over their sigmas."""
    first = 3 - (features.shape[0] - image.shape[3])
    for i in range(n):
        if first == 0:
            features[0, i] = axes[0][z]
        features[1 - first, i] = axes[1][y]
        features[2 - first, i] = axes[2][x + i]
    for channel in range(image.shape[3]):
        for i in range(n):
            features[3 - first + channel, i] = image[z, y, x + i, channel] / sigma[channel]


@part_of_kernel
def _number_line(
    simplices: Any,
    multipliers: Array,
    table: Array,
    keys: Array,
    first: int,
    count: int,
    slots: Array,
    weights: Array,
    scratch: Any,
    corners: Any,
) -> int:
    """Fill the slots and weights (n, d + 1) of a line of pixels; return the new number of keys.

    `corners` is a tuple of d + 1 elements.
    """
    nearest, rank, offset = simplices
    ordered, drop = scratch
    size = len(corners)
    mask = table.shape[0] - 1
    shift = _shift(table)
    total = multipliers[size]
    for i in range(slots.shape[0]):
        key = np.int64(0)
        for a in range(size):
            step = multipliers[a] * size
            place = rank[a, i]
            ordered[place] = offset[a, i]
            drop[place] = step
            key += nearest[a, i] * step
        weight = np.float32(1) - ordered[0] + ordered[size - 1]
        for r in range(size):
            if r > 0:
                # From remainder r - 1 to r, all coordinates rise by 1, and one falls by d + 1.
                key += total - drop[size - r]
                weight = ordered[size - 1 - r] - ordered[size - r]
            entry = _home(key, shift)
            while table[entry] >= first and keys[table[entry]] != key:
                entry = (entry + 1) & mask
            if table[entry] < first:
                table[entry] = count
                keys[count] = key
                count += 1
            slots[i, r] = table[entry] - first
            weights[i, r] = weight
    return count


@part_of_kernel
def _sort_slots(keys: Array, boxes: Array, tile: int, slots: Array) -> None:
    """Put a tile's keys in ascending order, and number its pixels' slots anew.

    Neighbours are then near in memory, and so are all tiles' slots of consecutive vertices.
    """
    ordered, order = radix_sort(keys.copy())
    place = np.empty(keys.size, np.uint16)
    for i in range(keys.size):
        keys[i] = ordered[i]
        place[order[i]] = i
    for z in range(boxes[tile, 0], boxes[tile, 1]):
        for y in range(boxes[tile, 2], boxes[tile, 3]):
            for x in range(boxes[tile, 4], boxes[tile, 5]):
                for r in range(slots.shape[3]):
                    slots[z, y, x, r] = place[slots[z, y, x, r]]


@kernel
def number_vertices(
    begin: int,
    end: int,
    axes: Array,
    image: Array,
    sigma: Array,
    scale: Array,
    multipliers: Array,
    boxes: Array,
    slots: Array,
    weights: Array,
    counts: Array,
    corners: Any,
) -> Array:
    """Fill pixels' d + 1 slots and barycentric weights; return the keys of the slots, tile by tile.

    For a range of tiles; `counts` becomes how many slots each has. One with more than `MOST_SLOTS`
    is the last that is looked at. `corners` is a tuple of d + 1 elements, so that the compiler
    knows their number.
    """
    size = len(corners)
    widest = 0
    for tile in range(begin, end):
        widest = max(widest, boxes[tile, 5] - boxes[tile, 4])
    features = np.empty((scale.size, widest), np.float32)
    elevated = np.empty((size, widest), np.float32)
    running = np.empty(widest, np.float32)
    total = np.empty(widest, np.int32)
    simplices = (
        np.empty((size, widest), np.int32),
        np.empty((size, widest), np.int32),
        np.empty((size, widest), np.float32),
    )
    scratch = (np.empty(size, np.float32), np.empty(size, np.int64))
    table = np.full(4096, -1, np.int32)
    keys = np.empty(4096, np.int64)
    count = 0
    for tile in range(begin, end):
        # Entries numbered below `first` are another tile's: the table needs no clearing.
        first = count
        left, right = boxes[tile, 4], boxes[tile, 5]
        n = right - left
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                _features_of_line(axes, image, sigma, z, y, left, n, features)
                _elevate_line(features, scale, n, elevated, running)
                _rank_line(elevated, n, simplices, total)
                while count + n * size > keys.size:
                    keys = _copied(keys, count, 2 * keys.size)
                while _is_crowded(table, count - first + n * size):
                    table = _grown(table, keys, first, count)
                of_line = slots[z, y, left:right], weights[z, y, left:right]
                state = (simplices, multipliers, table, keys, first, count, *of_line, scratch)
                count = _number_line(*state, corners)
        counts[tile] = count - first
        if count - first > MOST_SLOTS:
            break
        if count - first > _WORTH_SORTING:
            _sort_slots(keys[first:count], boxes, tile, slots)
    return _copied(keys, count, count)

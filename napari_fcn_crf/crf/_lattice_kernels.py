"""Kernels of the permutohedral lattice: the tiles' dictionaries, the vertices, splat, blur, slice.

The steps and their names are those of Adams, Baek and Davis (2010), see `lattice`. What is ours is
the order of the work. The image is cut into tiles of at most 65536 vertices. Each tile numbers the
vertices it touches on its own, in a table that stays in the processor's cache; one number of a
vertex in one tile is a *slot*. Splatting and slicing meet only slots, with 16-bit numbers; slots of
the same vertex are added up just before the blur and filled again just after it. So threads never
write to the same place, and results do not depend on their number.

Vertices are known by a 64-bit key that is linear in their coordinates, so a step along the lattice
is an addition; `lattice.key_multipliers` says why keys are unique.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ._compile import kernel

# 2^64 divided by the golden ratio: Knuth's multiplicative hash.
_HASH = np.uint64(0x9E3779B97F4A7C15)
# Adding and subtracting 1.5 * 2^23 rounds a float32 to the nearest even integer.
_ROUND = np.float32(12582912.0)

Array = Any


@kernel
def _home(key: Any, shift: Any) -> Any:
    """Return where in a table of 2^(64 - shift) entries a key is looked for first."""
    return np.int64((np.uint64(key) * _HASH) >> shift)


@kernel
def _grown(table: Array, first: int, bits: int) -> Array:
    """Return a table of 2^bits entries (key, number) with the numbers from `first` of another."""
    larger = np.full((1 << bits, 2), -1, np.int64)
    shift = np.uint64(64 - bits)
    mask = (1 << bits) - 1
    for entry in range(table.shape[0]):
        if table[entry, 1] >= first:
            place = _home(table[entry, 0], shift)
            while larger[place, 1] >= 0:
                place = (place + 1) & mask
            larger[place, 0] = table[entry, 0]
            larger[place, 1] = table[entry, 1]
    return larger


@kernel
def _copied(array: Array, count: int, size: int) -> Array:
    """Return an array of another size with the first `count` elements."""
    copy = np.empty(size, array.dtype)
    copy[:count] = array[:count]
    return copy


@kernel
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


@kernel
def _rank_line(
    elevated: Array, n: int, nearest: Array, rank: Array, offset: Array, total: Array
) -> None:
    """Find the simplex of each of `n` points.

    `nearest` becomes the remainder-0 vertex divided by d + 1, `rank` the order of the point's
    offsets from it, largest first, and `offset` those offsets divided by d + 1 (p. 7).
    """
    vertices = elevated.shape[0]
    size = np.float32(vertices)
    inverse = np.float32(1) / size
    for i in range(n):
        total[i] = 0
    for a in range(vertices):
        for i in range(n):
            whole = (inverse * elevated[a, i] + _ROUND) - _ROUND
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
    # Where the nearest integers do not sum to zero, the point is brought back to the plane.
    for a in range(vertices):
        for i in range(n):
            wrap = np.int32(rank[a, i] < 0) - np.int32(rank[a, i] >= vertices)
            rank[a, i] += wrap * vertices
            nearest[a, i] += wrap
            offset[a, i] = (elevated[a, i] - np.float32(nearest[a, i]) * size) * inverse


@kernel
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


@kernel
def _number_tiles(
    axes: Array,
    image: Array,
    sigma: Array,
    scale: Array,
    multipliers: Array,
    boxes: Array,
    thread: int,
    threads: int,
    slots: Array,
    weights: Array,
    counts: Array,
) -> Array:
    """Do `number_vertices` for the tiles of one thread; return the keys of their slots."""
    vertices = scale.size + 1
    widest = 0
    most = 0
    for tile in range(boxes.shape[0]):
        columns = boxes[tile, 5] - boxes[tile, 4]
        lines = (boxes[tile, 1] - boxes[tile, 0]) * (boxes[tile, 3] - boxes[tile, 2])
        widest = max(widest, columns)
        most = max(most, lines * columns * vertices)
    features = np.empty((scale.size, widest), np.float32)
    elevated = np.empty((vertices, widest), np.float32)
    offset = np.empty((vertices, widest), np.float32)
    nearest = np.empty((vertices, widest), np.int32)
    rank = np.empty((vertices, widest), np.int32)
    running = np.empty(widest, np.float32)
    total = np.empty(widest, np.int32)
    ordered = np.empty(vertices, np.float32)
    drop = np.empty(vertices, np.int64)
    bits = 11
    table = np.full((1 << bits, 2), -1, np.int64)
    keys = np.empty(2 * most, np.int64)
    count = 0
    for tile in range(thread, boxes.shape[0], threads):
        # Entries numbered below `first` are another tile's: the table needs no clearing.
        first = count
        if keys.size - count < most:
            keys = _copied(keys, count, 2 * keys.size)
        x = boxes[tile, 4]
        n = boxes[tile, 5] - x
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                _features_of_line(axes, image, sigma, z, y, x, n, features)
                _elevate_line(features, scale, n, elevated, running)
                _rank_line(elevated, n, nearest, rank, offset, total)
                for i in range(n):
                    key = np.int64(0)
                    for a in range(vertices):
                        ordered[rank[a, i]] = offset[a, i]
                        drop[rank[a, i]] = multipliers[a] * vertices
                        key += nearest[a, i] * multipliers[a] * vertices
                    weight = np.float32(1) - ordered[0] + ordered[vertices - 1]
                    for r in range(vertices):
                        if r > 0:
                            # From remainder r - 1 to r: all coordinates + 1, one - (d + 1).
                            key += multipliers[vertices] - drop[vertices - r]
                            weight = ordered[vertices - 1 - r] - ordered[vertices - r]
                        shift = np.uint64(64 - bits)
                        mask = (1 << bits) - 1
                        place = _home(key, shift)
                        while table[place, 1] >= first and table[place, 0] != key:
                            place = (place + 1) & mask
                        if table[place, 1] < first:
                            table[place, 0] = key
                            table[place, 1] = count
                            keys[count] = key
                            slots[z, y, x + i, r] = count - first
                            count += 1
                            if 2 * (count - first) > (1 << bits):
                                bits += 1
                                table = _grown(table, first, bits)
                        else:
                            slots[z, y, x + i, r] = table[place, 1] - first
                        weights[z, y, x + i, r] = weight
        counts[tile] = count - first
    return _copied(keys, count, count)


@kernel(parallel=True)
def number_vertices(
    axes: Array,
    image: Array,
    sigma: Array,
    scale: Array,
    multipliers: Array,
    boxes: Array,
    threads: int,
    slots: Array,
    weights: Array,
    starts: Array,
) -> Array:
    """Fill each pixel's d + 1 slots and barycentric weights; return the keys of all slots.

    `starts` becomes the first slot of each tile and, last, their number. Thread t takes the tiles
    t, t + threads, ...
    """
    tiles = boxes.shape[0]
    counts = starts[1:]
    keys_of = [np.empty(0, np.int64) for _ in range(threads)]
    for thread in prange(threads):
        keys_of[thread] = _number_tiles(
            axes,
            image,
            sigma,
            scale,
            multipliers,
            boxes,
            np.int64(thread),
            threads,
            slots,
            weights,
            counts,
        )
    starts[0] = 0
    for tile in range(tiles):
        starts[tile + 1] += starts[tile]
    keys = np.empty(starts[tiles], np.int64)
    for thread in prange(threads):
        read = 0
        for tile in range(np.int64(thread), tiles, threads):
            for slot in range(starts[tile], starts[tile + 1]):
                keys[slot] = keys_of[thread][read]
                read += 1
    return keys


@kernel
def merge_slots(slot_keys: Array, more_keys: Array, vertex_of: Array) -> Array:
    """Give each slot the number of its vertex; return the vertices' keys and their table.

    `more_keys` become vertices, too, unless they are.
    """
    bits = 12
    table = np.full((1 << bits, 2), -1, np.int64)
    keys = np.empty(1 << bits, np.int64)
    count = 0
    slots = slot_keys.size
    for slot in range(slots + more_keys.size):
        key = slot_keys[slot] if slot < slots else more_keys[slot - slots]
        shift = np.uint64(64 - bits)
        mask = (1 << bits) - 1
        place = _home(key, shift)
        while table[place, 1] >= 0 and table[place, 0] != key:
            place = (place + 1) & mask
        found = table[place, 1]
        if slot < slots:
            vertex_of[slot] = found if found >= 0 else count
        if found >= 0:
            continue
        table[place, 0] = key
        table[place, 1] = count
        keys[count] = key
        count += 1
        if 2 * count > (1 << bits):
            bits += 1
            table = _grown(table, 0, bits)
            keys = _copied(keys, count, 1 << bits)
    return _copied(keys, count, count), table


@kernel(parallel=True)
def find_neighbours(keys: Array, table: Array, multipliers: Array, neighbours: Array) -> None:
    """Fill the two neighbours of each vertex along each of the d + 1 axes of the blur.

    `neighbours`, shape (d + 1, vertices, 2), comes filled with the number of no vertex.
    """
    vertices = neighbours.shape[0]
    bits = 0
    while (1 << bits) < table.shape[0]:
        bits += 1
    shift = np.uint64(64 - bits)
    mask = table.shape[0] - 1
    for vertex in prange(keys.size):
        for a in range(vertices):
            key = keys[vertex] + multipliers[a] * vertices - multipliers[vertices]
            place = _home(key, shift)
            while table[place, 1] >= 0 and table[place, 0] != key:
                place = (place + 1) & mask
            other = table[place, 1]
            if other >= 0:
                neighbours[a, vertex, 0] = other
                neighbours[a, other, 1] = vertex


@kernel
def group_slots(vertex_of: Array, starts: Array, slots: Array) -> None:
    """Fill `slots` with the slots of vertex 0, of vertex 1, ...; those of v begin at starts[v]."""
    starts[:] = 0
    for slot in range(vertex_of.size):
        starts[vertex_of[slot] + 1] += 1
    for vertex in range(starts.size - 1):
        starts[vertex + 1] += starts[vertex]
    place = starts[:-1].copy()
    for slot in range(vertex_of.size):
        vertex = vertex_of[slot]
        slots[place[vertex]] = slot
        place[vertex] += 1


@kernel
def _clear(array: Array) -> None:
    array[:] = 0


@kernel(fastmath={"contract"})
def splat_line(slots: Array, weights: Array, values: Array, sums: Array) -> None:
    """Add `n` pixels' values (n, channels), weighted, to the tile's slots (slots, channels)."""
    for i in range(slots.shape[0]):
        for r in range(slots.shape[1]):
            weight = weights[i, r]
            slot = slots[i, r]
            for c in range(values.shape[1]):
                sums[slot, c] += weight * values[i, c]


@kernel(fastmath={"contract"})
def slice_line(slots: Array, weights: Array, sums: Array, values: Array) -> None:
    """Write `n` pixels' values (n, channels): the weighted means of their slots' (p. 8)."""
    for i in range(slots.shape[0]):
        for c in range(values.shape[1]):
            values[i, c] = np.float32(0)
        for r in range(slots.shape[1]):
            weight = weights[i, r]
            slot = slots[i, r]
            for c in range(values.shape[1]):
                values[i, c] += weight * sums[slot, c]


@kernel(parallel=True)
def splat(
    values: Array, slots: Array, weights: Array, boxes: Array, starts: Array, sums: Array
) -> None:
    """Add every pixel's values (planes, rows, columns, channels) to its slots (slots, channels)."""
    for tile in prange(boxes.shape[0]):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        _clear(of_tile)
        left, right = boxes[tile, 4], boxes[tile, 5]
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                splat_line(
                    slots[z, y, left:right],
                    weights[z, y, left:right],
                    values[z, y, left:right],
                    of_tile,
                )


@kernel(parallel=True)
def slice_(
    sums: Array, slots: Array, weights: Array, boxes: Array, starts: Array, values: Array
) -> None:
    """Write every pixel's values from its slots."""
    for tile in prange(boxes.shape[0]):
        of_tile = sums[starts[tile] : starts[tile + 1]]
        left, right = boxes[tile, 4], boxes[tile, 5]
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                slice_line(
                    slots[z, y, left:right],
                    weights[z, y, left:right],
                    of_tile,
                    values[z, y, left:right],
                )


@kernel(parallel=True, fastmath={"contract"})
def blur(sums: Array, vertex_of: Array, starts: Array, grouped: Array, neighbours: Array) -> None:
    """Replace the slots' sums by the blurred ones: (1/2, 1, 1/2) along each axis (p. 7)."""
    axes, count = neighbours.shape[:2]
    channels = sums.shape[1]
    # The last row stands for all vertices that do not exist, and stays zero.
    values = np.empty((count + 1, channels), np.float32)
    blurred = np.empty((count + 1, channels), np.float32)
    _clear(values[count])
    _clear(blurred[count])
    half = np.float32(0.5)
    for vertex in prange(count):
        for c in range(channels):
            values[vertex, c] = np.float32(0)
        for place in range(starts[vertex], starts[vertex + 1]):
            for c in range(channels):
                values[vertex, c] += sums[grouped[place], c]
    for a in range(axes):
        for vertex in prange(count):
            one, other = neighbours[a, vertex, 0], neighbours[a, vertex, 1]
            for c in range(channels):
                blurred[vertex, c] = values[vertex, c] + half * (values[one, c] + values[other, c])
        values, blurred = blurred, values
    for slot in prange(vertex_of.size):
        for c in range(channels):
            sums[slot, c] = values[vertex_of[slot], c]

"""Large images, cut into overlapping parts where one lattice is too small for them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

Slices = tuple[slice, ...]


def parts(
    shape: Sequence[int], margins: Sequence[int], most_pixels: int
) -> list[tuple[Slices, Slices, Slices]]:
    """Cut an image into parts that are computed with a margin around them.

    Parameters
    ----------
    shape : length of each axis
    margins : pixels on each side that a part is computed with, one an axis
    most_pixels : of a part with its margins, unless margins alone are more

    Returns
    -------
    list of (core, whole, inner)
        Where the part belongs in the image, where it is with its margins, and where its core is in
        that.
    """
    counts = [1] * len(shape)
    while True:
        sides = [-(-length // count) for length, count in zip(shape, counts, strict=True)]
        pixels = 1
        for length, side, margin in zip(shape, sides, margins, strict=True):
            pixels *= min(length, side + 2 * margin)
        # The axis whose margins weigh least is cut next; a core is never smaller than its margin.
        spare = [side / max(margin, 1) for side, margin in zip(sides, margins, strict=True)]
        axis = spare.index(max(spare))
        if pixels <= most_pixels or sides[axis] < 2 * max(margins[axis], 1):
            break
        counts[axis] += 1
    cuts = []
    for length, count, margin in zip(shape, counts, margins, strict=True):
        edges = [length * k // count for k in range(count + 1)]
        along = []
        for start, stop in itertools.pairwise(edges):
            low, high = max(0, start - margin), min(length, stop + margin)
            along.append((slice(start, stop), slice(low, high), slice(start - low, stop - low)))
        cuts.append(along)
    found = []
    for pieces in itertools.product(*cuts):
        core, whole, inner = zip(*pieces, strict=True)
        found.append((core, whole, inner))
    return found

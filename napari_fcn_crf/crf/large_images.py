"""Large images, cut into overlapping parts where one lattice is too small for them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

Slices = tuple[slice, ...]

# One iteration hears about two sigmas far, and five pass it on: with 2, 99 % of labels are those of
# the whole image, with 6 more than 99.98 %.
_MARGIN_SIGMAS = 6.0


def margin_px(sigma_px: float) -> int:
    """Return what a part is computed with on each side, where kernels are no wider than this."""
    return math.ceil(_MARGIN_SIGMAS * sigma_px)


def pixels_at_once(n_bytes: int, axes: int, channels: int, classes: int) -> int:
    """Return how many pixels can be refined with so many bytes.

    Parameters
    ----------
    n_bytes : int
    axes : int
        Of space: 2 or 3.
    channels : int
        Of the image.
    classes : int
    """
    corners = axes + channels + 1
    # Slots and weights of both lattices, log-odds and marginals, the image as float32, and as
    # much again for vertices, of which there may be more than pixels.
    bytes_of_pixel = 2 * (6 * (corners + 3) + 8 * classes + 12)
    return n_bytes // bytes_of_pixel


def core_side_px(margin: int, most_pixels: int, multiple: int) -> int:
    """Return the side of square parts whose borders are at multiples of a number.

    Parameters
    ----------
    margin : int
        That each is computed with.
    most_pixels : int
        Of a part with its margins, unless margins alone are more: a part is no smaller than one.
    multiple : int
    """
    side = math.isqrt(most_pixels) - 2 * margin
    return max(side // multiple, -(-margin // multiple), 1) * multiple


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

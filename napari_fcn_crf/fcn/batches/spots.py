"""Spots: a fair sample of a plane, since what surrounds strokes does not tell what the rest is."""

from __future__ import annotations

import numpy as np

from napari_fcn_crf.fcn.batches.patch_plan import Cut
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX

Size = tuple[int, int]

_ALONG = 4
_SIDE_PX = 256
_MARGIN_PX = 32
"""At most: a quarter of a spot that is smaller."""


def spot_size(patch_size: Size) -> Size:
    """Return rows and columns of spots where patches have a size."""
    rows, columns = (min(_SIDE_PX, side) for side in patch_size)
    return rows, columns


def margin_of(side: int) -> int:
    """Return how many of a spot's outermost pixels miss what is beyond them."""
    return min(_MARGIN_PX, side // 4 // STRIDE_PX * STRIDE_PX)


def spots_of(padded: Size, patch_size: Size) -> tuple[Cut, ...]:
    """Return spots spread over a plane, one somewhere in each of 16 parts of it.

    Parameters
    ----------
    padded : tuple of int
        Rows and columns of the plane, multiples of 32.
    patch_size : tuple of int
        Rows and columns of its patches.

    Returns
    -------
    tuple of Cut
        What their cores hold is the sample: each pixel of the plane is as likely to be in one as
        any other. Around them there is what `margin_of` tells, or the plane's own border.
    """
    generator = np.random.default_rng(_ALONG**2)
    parts = np.indices((_ALONG, _ALONG)).reshape(2, -1).T
    shares = (parts + generator.uniform(size=parts.shape)) / _ALONG
    found = {}
    for both in shares:
        corner, core = zip(*map(_along, both, padded, spot_size(patch_size)), strict=True)
        found[corner] = Cut(corner, core)
    return tuple(found.values())


def _along(share: float, length: int, side: int) -> tuple[int, slice]:
    """Return where a spot begins along an axis, and its core there."""
    if side >= length:
        return 0, slice(0, length)
    margin = margin_of(side)
    core = side - 2 * margin
    # Half beyond a border as well: else fewer spots would hold what is near it.
    n_places = (length + core) // STRIDE_PX - 1
    first = int(share * n_places) * STRIDE_PX - core + STRIDE_PX
    corner = min(max(first - margin, 0), length - side)
    return corner, slice(max(first, 0), min(first + core, length))

"""Plan of patches: where windows lie so that they cover what is annotated, and how few do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX

Corner = tuple[int, int]
Cells = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """Where one patch lies in a padded plane, and the part of it that it answers for.

    Parameters
    ----------
    corner : tuple of int
        First row and column.
    core : tuple of slice
        Rows and columns of the plane.
    """

    corner: Corner
    core: tuple[slice, slice]


def cells_of(indices: npt.NDArray[np.int32], padded: tuple[int, int]) -> Cells:
    """Return which squares of 32 px of a padded plane have annotated pixels.

    Parameters
    ----------
    indices : array of int32, shape `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    padded : tuple of int
        Size of the plane around it, of which it is the middle.
    """
    top, left = ((side - length) // 2 for side, length in zip(padded, indices.shape, strict=True))
    cells = np.zeros((padded[0] // STRIDE_PX, padded[1] // STRIDE_PX), bool)
    for row in range(cells.shape[0]):
        first = max(row * STRIDE_PX - top, 0)
        strip = indices[first : max((row + 1) * STRIDE_PX - top, 0)]
        columns = np.flatnonzero((strip != IGNORE).any(axis=0))
        cells[row, np.unique((columns + left) // STRIDE_PX)] = True
    return cells


def place_cuts(cells: Cells, sides: tuple[int, int], halo: int) -> list[Cut]:
    """Return patches that cover all cells that are true, each one once.

    From the top, a strip of cores begins wherever there is something that no strip before it
    covers, and in a strip, from the left, a core. At the plane's borders a patch is moved inwards:
    it ends where the plane ends, as the whole plane does.

    Parameters
    ----------
    cells : array of bool, shape `(rows, columns)`
        From `cells_of`.
    sides : tuple of int
        Rows and columns of a core, in cells.
    halo : int
        Cells around it.
    """
    cuts = []
    for top in _starts(cells.any(axis=1), sides[0]):
        strip = cells[top : top + sides[0]].any(axis=0)
        for left in _starts(strip, sides[1]):
            corner, core = [], []
            for first, side, length in zip((top, left), sides, cells.shape, strict=True):
                size = side + 2 * halo
                start = min(max(first - halo, 0), max(length - size, 0))
                corner.append(start * STRIDE_PX)
                core.append(slice(first * STRIDE_PX, min(first + side, length) * STRIDE_PX))
            cuts.append(Cut((corner[0], corner[1]), (core[0], core[1])))
    return cuts


def _starts(occupied: Any, side: int) -> list[int]:
    starts: list[int] = []
    for place in np.flatnonzero(occupied).tolist():
        if not starts or place >= starts[-1] + side:
            starts.append(place)
    return starts

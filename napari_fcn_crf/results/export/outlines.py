"""Outlines of regions along the edges of their pixels, with the holes in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import planes
from napari_fcn_crf.results.export.result import Result

Ring = npt.NDArray[np.int64]
"""Corners `(n, 2)`, column and row, of which the first is not repeated."""

Polygon = tuple[Ring, ...]
"""What goes around, then what goes around each hole, the other way about."""

_EAST, _SOUTH, _WEST, _NORTH = range(4)
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


@dataclass(frozen=True, eq=False)
class Outlined:
    """An object in one plane.

    Parameters
    ----------
    value : int
        Its label.
    number : int
        Its own: of objects, the label; else by which it is told from others of its class.
    index : tuple of int
        Of the plane, along the axes before rows and columns.
    polygons : tuple of Polygon
        Several if it is in pieces.
    """

    value: int
    number: int
    index: tuple[int, ...]
    polygons: tuple[Polygon, ...]


def outlines_of(result: Result) -> Iterator[Outlined]:
    """Yield the outlines of labels, plane by plane, but for those of the background.

    Of classes, each connected region is one; of objects, each label.
    """
    from scipy.ndimage import find_objects
    from skimage.measure import label

    labels = np.asarray(result.picture.array)
    number = 0
    for index in planes(labels.shape):
        values, inverse = np.unique(labels[index], return_inverse=True)
        plane = inverse.reshape(labels.shape[-2:]) + 1
        for position, value in enumerate(values.tolist(), start=1):
            if value == 0 or (result.meaning == "classes" and result.classes.is_background(value)):
                plane[plane == position] = 0
        regions = plane if result.meaning == "objects" else label(plane, connectivity=1)
        for region, place in enumerate(find_objects(regions), start=1):
            if place is None:
                continue
            mask = regions[place] == region
            corner = np.array([place[1].start, place[0].start])
            row, column = np.argwhere(mask)[0] + (place[0].start, place[1].start)
            value = int(labels[(*index, row, column)])
            number = value if result.meaning == "objects" else number + 1
            found = tuple(tuple(ring + corner for ring in polygon) for polygon in polygons_of(mask))
            yield Outlined(value, number, index, found)


def polygons_of(mask: npt.NDArray[np.bool_]) -> list[Polygon]:
    """Return the outlines of what is true, one polygon a piece; its area is that of its pixels.

    Pixels that share an edge are of one piece, those that share a corner are not.
    """
    from scipy.ndimage import find_objects
    from skimage.measure import label

    pieces = label(mask, connectivity=1)
    found: list[Polygon] = []
    for piece, place in enumerate(find_objects(pieces), start=1):
        corner = np.array([place[1].start, place[0].start])
        rings = [ring + corner for ring in _rings(pieces[place] == piece)]
        # The only one that goes clockwise as it is seen; rows go down.
        rings.sort(key=doubled_area, reverse=True)
        found.append(tuple(rings))
    return found


def doubled_area(ring: Ring) -> int:
    """Return twice the area inside a ring, negative around a hole."""
    x, y = ring.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _rings(piece: npt.NDArray[np.bool_]) -> Iterator[Ring]:
    """Yield the rings along the edges of one piece, which is to the right of each step."""
    ways = _ways_out(piece)
    for start in np.argwhere(ways).tolist():
        row, column = start
        while ways[row, column]:
            yield _follow(ways, row, column)


def _ways_out(piece: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Return the ways out of each corner of the pixels, a bit a direction."""
    inside = np.pad(piece, 1)
    here = inside[1:-1, 1:-1]
    ways = np.zeros((piece.shape[0] + 1, piece.shape[1] + 1), np.uint8)
    ways[:-1, :-1] |= (here & ~inside[:-2, 1:-1]).view(np.uint8) << _EAST
    ways[:-1, 1:] |= (here & ~inside[1:-1, 2:]).view(np.uint8) << _SOUTH
    ways[1:, 1:] |= (here & ~inside[2:, 1:-1]).view(np.uint8) << _WEST
    ways[1:, :-1] |= (here & ~inside[1:-1, :-2]).view(np.uint8) << _NORTH
    return ways


def _follow(ways: npt.NDArray[np.uint8], row: int, column: int) -> Ring:
    """Take a ring out of the ways and return its corners."""
    first = row, column
    heading = int(ways[row, column]).bit_length() - 1
    began, corners = heading, [first]
    while True:
        ways[row, column] &= ~np.uint8(1 << heading)
        row, column = row + _STEPS[heading][0], column + _STEPS[heading][1]
        # Left first: where two pixels touch by a corner, what is outside stays outside.
        turns = [(heading + turn) % 4 for turn in (-1, 0, 1)]
        if (row, column) == first:
            if began != heading:
                return np.array(corners, np.int64)[:, ::-1]
            return np.array(corners[1:], np.int64)[:, ::-1]
        before, out = heading, int(ways[row, column])
        heading = next(turn for turn in turns if out & 1 << turn)
        if heading != before:
            corners.append((row, column))

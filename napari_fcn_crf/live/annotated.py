"""Annotated pixels of each plane: where they are, and what they are."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import annotated_planes, as_label_array
from napari_fcn_crf.data.objects import OBJECT_MODES, object_classes
from napari_fcn_crf.settings import LabelMode

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Annotated:
    """The annotated pixels of one plane.

    Parameters
    ----------
    index : tuple of int
        Of the plane.
    columns : int
        Of the plane.
    positions : array of int, shape `(n_pixels,)`
        Ascending, row after row.
    values : array of int, shape `(n_pixels,)`
        Their labels.
    """

    index: Index
    columns: int
    positions: npt.NDArray[np.intp]
    values: npt.NDArray[np.integer]

    @property
    def rows_and_columns(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Of each pixel."""
        rows, columns = np.divmod(self.positions, self.columns)
        return rows, columns

    @property
    def checksum(self) -> int:
        """By which a stroke is noticed."""
        return zlib.crc32(self.values.tobytes(), zlib.crc32(self.positions.tobytes()))

    def some(self, most: int, rng: np.random.Generator) -> Annotated:
        """Return as many at random, if there are more: those that a training chooses."""
        if len(self.positions) <= most:
            return self
        chosen = np.sort(rng.choice(len(self.positions), most, replace=False))
        return Annotated(self.index, self.columns, self.positions[chosen], self.values[chosen])


def annotated_pixels(
    labels: npt.ArrayLike, mode: LabelMode, ignore_label: int | None = None
) -> list[Annotated]:
    """Return what is annotated, of each plane on which something is.

    Parameters
    ----------
    labels : array of int, shape `(*planes, rows, columns)`
    mode : {"scribbles", "mask", "objects", "objects-border"}
    ignore_label : int, optional
        One that is no class.
    """
    array = as_label_array(labels)
    found = []
    for index in annotated_planes(array, mode):
        plane = array[index]
        chosen = plane != 0 if mode == "scribbles" else np.ones(plane.shape, bool)
        if ignore_label is not None:
            chosen &= plane != ignore_label
        if mode in OBJECT_MODES:
            plane = object_classes(plane, mode == "objects-border", ignore_label)
        positions = np.flatnonzero(chosen)
        if len(positions):
            values = plane.reshape(-1)[positions]
            found.append(Annotated(index, plane.shape[1], positions, values))
    return found


def class_values(annotated: list[Annotated]) -> tuple[int, ...]:
    """Return the values of all classes there are, in ascending order."""
    values = {int(value) for one in annotated for value in np.unique(one.values)}
    return tuple(sorted(values))

"""Objects that are numbered one by one: one class for all of them, and one for their borders."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.settings import LabelMode

OBJECT_MODES: Final[tuple[LabelMode, ...]] = ("objects", "objects-border")
"""Modes in which labels are objects' numbers."""

BACKGROUND, OBJECT, BORDER = 0, 1, 2
"""Labels of the classes that are made of them."""

NAMES: Final = {BACKGROUND: "background", OBJECT: "object", BORDER: "border"}


def object_classes(
    numbers: npt.NDArray[np.integer], with_border: bool, ignore_label: int | None = None
) -> npt.NDArray[np.uint8]:
    """Return the class of each pixel: 0 background, 1 object, and 2 border if that is wanted.

    Parameters
    ----------
    numbers : array of int, shape `(..., rows, columns)`
        0 is the background.
    with_border : bool
    ignore_label : int, optional
        Beside pixels that are not annotated nobody knows whether there is a border.

    Returns
    -------
    array of uint8, shape of `numbers`
    """
    classes: npt.NDArray[np.uint8] = (numbers != 0).astype(np.uint8)
    if with_border:
        classes[is_border(numbers, ignore_label)] = BORDER
    return classes


def is_border(
    numbers: npt.NDArray[np.integer], ignore_label: int | None = None
) -> npt.NDArray[np.bool_]:
    """Return which pixels of objects have another label above, below, left or right of them.

    They are the objects' own, so that object and border together are what was annotated; and no
    pixels inside two objects are neighbours, not even by a corner.
    """
    borders = np.zeros(numbers.shape, bool)
    for axis in (-2, -1):
        first = np.moveaxis(numbers, axis, -1)[..., :-1]
        second = np.moveaxis(numbers, axis, -1)[..., 1:]
        differ = first != second
        if ignore_label is not None:
            differ &= (first != ignore_label) & (second != ignore_label)
        along = np.moveaxis(borders, axis, -1)
        along[..., :-1] |= differ
        along[..., 1:] |= differ
    found: npt.NDArray[np.bool_] = borders & (numbers != 0)
    return found

"""What labels mean: whether 0 is a class, and which class each pixel has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import compress

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.objects import OBJECT_MODES, object_classes
from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.settings import LabelMode

IGNORE = -1
"""Class index of a pixel that is not annotated."""

_LARGEST_LABEL = 2**63 - 1
_STRIP_PX = 2**22
_MASK_OF_ONE = 0.02
"""Share of the pixels that a mask of one class covers at least."""


def as_label_array(labels: npt.ArrayLike) -> npt.NDArray[np.integer]:
    """Return labels as an integer array.

    Raises
    ------
    TypeError
        If the array's dtype is neither integer nor bool.
    ValueError
        If a label is 2^63 or more.
    """
    array = np.asarray(labels)
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype == np.uint64:
        # Together with signed numbers, numpy would make these floating point.
        if array.size and array.max() > _LARGEST_LABEL:
            raise InputError(
                f"Labels must be below 2^63, but {array.max()} was found. Give them smaller "
                "numbers."
            )
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise InputTypeError(
            f"Labels must be whole numbers, but their type is {array.dtype}. "
            "Choose a labels layer, or convert them, e.g. labels.astype(int)."
        )
    return array


def guess_label_mode(counts: Mapping[int, int]) -> LabelMode:
    """Guess whether labels are scribbles or a full mask, from what `count_values` returns.

    Where nothing is labelled yet, strokes will be. Of a single value only a mask can be made, but
    a few strokes of it are the first of several classes; with more values, it is a mask when at
    least half of the pixels carry a label.
    """
    labelled = [count for value, count in counts.items() if value != 0]
    share = sum(labelled) / max(1, sum(counts.values()))
    return "mask" if share >= (0.5 if len(labelled) > 1 else _MASK_OF_ONE) else "scribbles"


def is_stack(shape: tuple[int, ...]) -> bool:
    """Return whether labels of a shape have several planes, of which some may be left out."""
    return math.prod(shape[:-2]) > 1


def annotated_planes(labels: npt.NDArray[np.integer], mode: LabelMode) -> Iterator[tuple[int, ...]]:
    """Iterate over the indices of the planes in which something may be annotated.

    A plane of a stack without any label is one that nobody has come to, also where 0 means
    background; a single image without any is all background.
    """
    for index in planes(labels.shape):
        if (mode != "scribbles" and not is_stack(labels.shape)) or labels[index].any():
            yield index


def class_indices(
    labels: npt.ArrayLike,
    class_values: tuple[int, ...],
    mode: LabelMode,
    ignore_label: int | None = None,
) -> npt.NDArray[np.int32]:
    """Return each pixel's position in `class_values`, or `IGNORE`.

    Parameters
    ----------
    labels : array of int, any shape
    class_values : tuple of int
        In ascending order.
    mode : {"scribbles", "mask", "objects", "objects-border"}
    ignore_label : int, optional
        One that is no class.

    Returns
    -------
    array of int32, shape of `labels`
    """
    array = as_label_array(labels)
    annotated = _is_annotated(array, mode, ignore_label)
    if mode in OBJECT_MODES:
        array = object_classes(array, mode == "objects-border", ignore_label)
    # In the labels' own type: numpy compares numbers of two types of 64 bits as floats.
    limits = np.iinfo(array.dtype)
    possible = [limits.min <= value <= limits.max for value in class_values]
    if not any(possible):
        return np.full(array.shape, IGNORE, np.int32)
    values = np.array(list(compress(class_values, possible)), array.dtype)
    indices = np.searchsorted(values, array).clip(max=len(values) - 1)
    known = annotated & (values[indices] == array)
    return np.where(known, indices + possible.index(True), IGNORE).astype(np.int32)


def class_indices_by_strips(
    plane: npt.NDArray[np.integer],
    class_values: tuple[int, ...],
    mode: LabelMode,
    ignore_label: int | None = None,
) -> npt.NDArray[np.int32]:
    """Return what `class_indices` does for one plane, with no more memory than that takes.

    Objects are told by their neighbours, so that these are looked at all at once.
    """
    if mode in OBJECT_MODES:
        return class_indices(plane, class_values, mode, ignore_label)
    found = np.empty(plane.shape, np.int32)
    rows = max(1, _STRIP_PX // plane.shape[1])
    for first in range(0, len(plane), rows):
        strip = plane[first : first + rows]
        found[first : first + rows] = class_indices(strip, class_values, mode, ignore_label)
    return found


def _is_annotated(
    array: npt.NDArray[np.integer], mode: LabelMode, ignore_label: int | None
) -> npt.NDArray[np.bool_]:
    annotated: npt.NDArray[np.bool_]
    if mode == "scribbles":
        annotated = array != 0
    elif is_stack(array.shape):
        annotated = np.zeros(array.shape, bool)
        for index in annotated_planes(array, mode):
            annotated[index] = True
    else:
        annotated = np.ones(array.shape, bool)
    if ignore_label is not None:
        annotated &= array != ignore_label
    return annotated

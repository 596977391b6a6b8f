"""What labels mean: class values, per-pixel class indices, and how much is annotated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.settings import LabelMode

IGNORE = -1
"""Class index of a pixel that is not annotated."""

_COUNTED_BELOW = 2**16


def as_label_array(labels: npt.ArrayLike) -> npt.NDArray[np.integer]:
    """Return labels as an integer array.

    Raises
    ------
    TypeError
        If the array's dtype is neither integer nor bool.
    """
    array = np.asarray(labels)
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind not in "iu":
        raise InputTypeError(
            f"Labels must be whole numbers, but their type is {array.dtype}. "
            "Choose a labels layer, or convert them, e.g. labels.astype(int)."
        )
    return array


def guess_label_mode(labels: npt.ArrayLike) -> LabelMode:
    """Guess whether labels are scribbles or a full mask.

    With fewer than two values beside 0 only a mask can be trained on; with more, it is a mask
    when at least half of the pixels carry a label.
    """
    counts = class_counts(labels, "mask")
    unlabelled = counts.pop(0, 0)
    if len(counts) < 2:
        return "mask"
    return "mask" if sum(counts.values()) >= unlabelled else "scribbles"


def class_counts(labels: npt.ArrayLike, mode: LabelMode) -> dict[int, int]:
    """Return the annotated pixels of each class value, in ascending order of the values."""
    values, counts = _value_counts(as_label_array(labels))
    return {
        int(value): int(count)
        for value, count in zip(values, counts, strict=True)
        if value != 0 or mode == "mask"
    }


def _value_counts(
    array: npt.NDArray[np.integer],
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    if array.size and array.min() >= 0 and array.max() < _COUNTED_BELOW:
        # Counting beats sorting ten times, and people watch the counts while they paint.
        counts = np.bincount(array.ravel())
        values = np.flatnonzero(counts)
        return values, counts[values]
    return np.unique(array, return_counts=True)


def merged_class_counts(
    label_arrays: list[npt.NDArray[np.integer]], mode: LabelMode
) -> dict[int, int]:
    """Return `class_counts` added up over several label arrays."""
    total: dict[int, int] = {}
    for labels in label_arrays:
        for value, count in class_counts(labels, mode).items():
            total[value] = total.get(value, 0) + count
    return dict(sorted(total.items()))


def check_trainable(counts: dict[int, int], mode: LabelMode) -> None:
    """Refuse annotations that no classifier can be trained on.

    Raises
    ------
    ValueError
        If there are fewer than two classes; the message says what was found and what to do.
    """
    if not counts or (mode == "mask" and set(counts) == {0}):
        raise InputError(
            "Training needs at least two annotated classes, but the labels are empty. "
            "Paint some pixels of each class, each with a label of its own."
        )
    if len(counts) < 2:
        ((value, count),) = counts.items()
        remedy = (
            "Paint a few strokes with a second label, or let 0 mean background."
            if mode == "scribbles"
            else "Paint a second class; every pixel has the same label now."
        )
        raise InputError(
            f"Training needs at least two classes, but only label {value} was found "
            f"({count} pixels). {remedy}"
        )


def class_indices(
    labels: npt.ArrayLike, class_values: tuple[int, ...], mode: LabelMode
) -> npt.NDArray[np.int32]:
    """Return each pixel's position in `class_values`, or `IGNORE`.

    Parameters
    ----------
    labels : array of int, any shape
    class_values : tuple of int
        In ascending order.
    mode : {"scribbles", "mask"}

    Returns
    -------
    array of int32, shape of `labels`
    """
    array = as_label_array(labels)
    # In the labels' own type: numpy compares numbers of two types of 64 bits as floats.
    limits = np.iinfo(array.dtype)
    possible = [limits.min <= value <= limits.max for value in class_values]
    if not any(possible):
        return np.full(array.shape, IGNORE, np.int32)
    values = np.array(list(compress(class_values, possible)), array.dtype)
    indices = np.searchsorted(values, array).clip(max=len(values) - 1)
    known = values[indices] == array
    if mode == "scribbles":
        known &= array != 0
    return np.where(known, indices + possible.index(True), IGNORE).astype(np.int32)


@dataclass(frozen=True)
class AnnotationSummary:
    """What a labels layer holds, in numbers a person wants to see before training.

    Parameters
    ----------
    mode : {"scribbles", "mask"}
    counts : dict
        Pixels of each class value.
    annotated_fraction : float
        Of all pixels, in [0, 1].
    problem : str
        Why it cannot be trained on; empty if it can.
    """

    mode: LabelMode
    counts: dict[int, int]
    annotated_fraction: float
    problem: str


def summarize(labels: npt.ArrayLike, mode: LabelMode) -> AnnotationSummary:
    """Summarize a label array for display."""
    array = as_label_array(labels)
    counts = class_counts(array, mode)
    try:
        check_trainable(counts, mode)
        problem = ""
    except ValueError as error:
        problem = str(error)
    return AnnotationSummary(mode, counts, sum(counts.values()) / max(1, array.size), problem)

"""What labels mean: class values, per-pixel class indices, and how much is annotated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.progress import Cancelled, ShouldStop
from napari_fcn_crf.settings import LabelMode

IGNORE = -1
"""Class index of a pixel that is not annotated."""

_COUNTED_BELOW = 2**16
_LARGEST_LABEL = 2**63 - 1
_MASK_OF_ONE = 0.02
"""Share of the pixels that a mask of one class covers at least."""
# Counting lets no other thread run: so many pixels take a millisecond or two.
_COUNTED_AT_ONCE = 2**20


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


def count_values(labels: Any, should_stop: ShouldStop | None = None) -> dict[int, int]:
    """Return the pixels of each label value, 0 among them, in ascending order of the values.

    Parameters
    ----------
    labels : array of int or bool
        A lazy one (dask, zarr) is computed one chunk at a time.
    should_stop : callable, optional
        Asked between blocks.

    Raises
    ------
    TypeError
        If the array's dtype is neither integer nor bool.
    Cancelled
        If `should_stop` turned true.
    """
    total: dict[int, int] = {}
    for block in _blocks(labels):
        if should_stop is not None and should_stop():
            raise Cancelled
        values, counts = _value_counts(as_label_array(block))
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            total[value] = total.get(value, 0) + count
    return dict(sorted(total.items()))


def guess_label_mode(counts: Mapping[int, int]) -> LabelMode:
    """Guess whether labels are scribbles or a full mask, from what `count_values` returns.

    Where nothing is labelled yet, strokes will be. Of a single value only a mask can be made, but
    a few strokes of it are the first of several classes; with more values, it is a mask when at
    least half of the pixels carry a label.
    """
    labelled = [count for value, count in counts.items() if value != 0]
    share = sum(labelled) / max(1, sum(counts.values()))
    return "mask" if share >= (0.5 if len(labelled) > 1 else _MASK_OF_ONE) else "scribbles"


def class_counts(labels: npt.ArrayLike, mode: LabelMode) -> dict[int, int]:
    """Return the annotated pixels of each class value, in ascending order of the values."""
    return _of_classes(count_values(as_label_array(labels)), mode)


def _of_classes(counts: Mapping[int, int], mode: LabelMode) -> dict[int, int]:
    return {value: count for value, count in counts.items() if value != 0 or mode == "mask"}


def _blocks(array: Any) -> Iterator[Any]:
    """Cut an array into what is read at once: a lazy one's chunks, or contiguous pixels."""
    chunks = getattr(array, "chunks", None)
    if chunks:
        steps = [step if isinstance(step, int) else max(step) for step in chunks]
    else:
        steps, left = [], _COUNTED_AT_ONCE
        for size in reversed(array.shape):
            steps.insert(0, max(1, min(size, left)))
            left //= steps[0]
    starts = (range(0, size, step) for size, step in zip(array.shape, steps, strict=True))
    for corner in itertools.product(*starts):
        yield array[tuple(slice(at, at + step) for at, step in zip(corner, steps, strict=True))]


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


def summarize(counts: Mapping[int, int], mode: LabelMode) -> AnnotationSummary:
    """Summarize what `count_values` returns for display."""
    of_classes = _of_classes(counts, mode)
    try:
        check_trainable(of_classes, mode)
        problem = ""
    except ValueError as error:
        problem = str(error)
    fraction = sum(of_classes.values()) / max(1, sum(counts.values()))
    return AnnotationSummary(mode, of_classes, fraction, problem)

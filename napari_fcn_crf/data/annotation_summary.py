"""Annotation summary: the pixels of each class, and whether a network can be trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.data.label_statistics import LabelStatistics, count_labels
from napari_fcn_crf.data.objects import BACKGROUND, BORDER, NAMES, OBJECT, OBJECT_MODES
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.settings import LabelMode


def default_class_name(value: int, mode: LabelMode) -> str:
    """Return what a class is called that nobody has named."""
    if mode in OBJECT_MODES and value in NAMES:
        return NAMES[value]
    return "background" if value == 0 else f"class {value}"


def statistics_of(
    arrays: Iterable[npt.ArrayLike], mode: LabelMode, ignore_label: int | None = None
) -> list[LabelStatistics]:
    """Return what `class_counts` needs to know of each array of labels."""
    borders = mode == "objects-border"
    return [
        count_labels(as_label_array(array), borders=borders, ignore_label=ignore_label)
        for array in arrays
    ]


def class_counts(
    statistics: LabelStatistics, mode: LabelMode, ignore_label: int | None = None
) -> dict[int, int]:
    """Return the annotated pixels of each class value, in ascending order of the values."""
    counts = statistics.annotatable
    if ignore_label is not None:
        counts.pop(ignore_label, None)
    if mode == "scribbles":
        counts.pop(0, None)
    elif mode in OBJECT_MODES:
        borders = statistics.border_px or 0
        background = counts.pop(0, 0)
        of_classes = {
            BACKGROUND: background,
            OBJECT: sum(counts.values()) - borders,
            BORDER: borders,
        }
        counts = {value: count for value, count in of_classes.items() if count}
    return counts


def check_trainable(counts: dict[int, int], mode: LabelMode) -> None:
    """Refuse annotations that no classifier can be trained on.

    Raises
    ------
    ValueError
        If there are fewer than two classes; the message says what was found and what to do.
    """
    if not counts or (mode != "scribbles" and set(counts) == {0}):
        raise InputError(
            "Training needs at least two annotated classes, but the labels are empty. "
            "Paint some pixels of each class, each with a label of its own."
        )
    if len(counts) < 2:
        ((value, count),) = counts.items()
        remedy = "Paint a second class; every pixel has the same label now."
        if mode == "scribbles":
            remedy = "Paint a few strokes with a second label, or let 0 mean background."
        elif mode in OBJECT_MODES:
            remedy = "Leave 0 where there is no object."
        raise InputError(
            f"Training needs at least two classes, but only label {value} was found "
            f"({count} pixels). {remedy}"
        )


NO_CLASS = "not annotated"
"""What a label value is called that is no class."""


@dataclass(frozen=True)
class AnnotationSummary:
    """What a labels layer holds, in numbers a person wants to see before training.

    Parameters
    ----------
    mode : {"scribbles", "mask", "objects", "objects-border"}
    counts : dict
        Pixels of each class value.
    annotated_fraction : float
        Of all pixels, in [0, 1].
    problem : str
        Why it cannot be trained on; empty if it can.
    note : str
        What is left out, in a sentence; empty if nothing is.
    """

    mode: LabelMode
    counts: dict[int, int]
    annotated_fraction: float
    problem: str
    note: str = ""


def summarize(
    statistics: LabelStatistics, mode: LabelMode, ignore_label: int | None = None
) -> AnnotationSummary:
    """Summarize what `count_labels` returns for display."""
    of_classes = class_counts(statistics, mode, ignore_label)
    try:
        check_trainable(of_classes, mode)
        problem = ""
    except ValueError as error:
        problem = str(error)
    fraction = sum(of_classes.values()) / max(1, sum(statistics.values.values()))
    note = left_out(statistics, mode)
    return AnnotationSummary(mode, of_classes, fraction, problem, note)


def left_out(statistics: LabelStatistics, mode: LabelMode) -> str:
    """Return a sentence on planes that are left out although 0 is a class; empty if none is."""
    n_empty, n_planes = statistics.n_empty, statistics.n_planes
    if mode == "scribbles" or not n_empty:
        return ""
    verbs = "has no labels and is" if n_empty == 1 else "have no labels and are"
    return f"{n_empty} of {n_planes} frames {verbs} left out."

"""Label doubts: labels that can be trained on, but look as if something else were meant."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from napari_fcn_crf.data.label_statistics import UNLABELLED, VOID, LabelStatistics
from napari_fcn_crf.data.objects import OBJECT_MODES
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.settings import LabelMode

# Pascal VOC has 21 classes, and 255 for what nobody knows.
MANY_VALUES = 22
"""More are asked about."""

# Distinct values of an image are looked for among so many of its pixels.
_IMAGE_SAMPLE_PX = 2**16

# Of neighbours that differ, so many differ by one in a smooth image; so do objects in rows.
_IMAGE_STEPS = 0.8

# Labels are flat: where more neighbours differ, they are an image's.
_IMAGE_UNLIKE = 0.25

_SOFT_STEPS = 4
_SOFT_APART = 100

# Classes are seldom as many, as small and as alike in size as cells are.
_FEW_OBJECTS = 8
_OBJECTS_COVER = 0.1
_OBJECTS_ALIKE = 6

# Rows of pixels across an outline are shorter than twenty, and it lies along an object.
_VOID_ENDS = 0.1
_VOID_CONTACTS = 0.2


@dataclass(frozen=True)
class Doubt:
    """What labels look like.

    Parameters
    ----------
    looks : str
        In a sentence.
    remedy : dict
        Training settings that may be meant instead; empty where other labels are needed.
    advice : str
        What to do, where that is no setting.
    """

    looks: str
    remedy: dict[str, Any]
    advice: str = ""


class DoubtfulLabelsError(InputError):
    """Labels look as if something else were meant than is to be trained on."""

    def __init__(self, doubt: Doubt) -> None:
        given = ", ".join(f"{name}={value!r}" for name, value in doubt.remedy.items())
        advice = doubt.advice or f"Train with {given}"
        super().__init__(f"{doubt.looks} {advice}; or with trust_labels=True, as they are.")
        self.doubt = doubt


def label_doubt(
    statistics: LabelStatistics,
    mode: LabelMode,
    ignore_label: int | None = None,
    image_values: int | None = None,
) -> Doubt | None:
    """Return what labels look like, if that is something else than what they are taken for.

    Parameters
    ----------
    statistics : LabelStatistics
        Of one array of labels, or of several together.
    mode : {"scribbles", "mask", "objects", "objects-border"}
        What they are taken for.
    ignore_label : int, optional
        A label that is no class.
    image_values : int, optional
        How many values the image has, if that is known.
    """
    counts = statistics.annotatable
    if ignore_label is not None:
        counts.pop(ignore_label, None)
    many = len(counts) > MANY_VALUES
    unlike = statistics.n_unlike / max(1, statistics.n_pairs)
    image_is_flat = image_values is not None and image_values <= MANY_VALUES
    if many and (unlike > _IMAGE_UNLIKE or image_is_flat):
        return Doubt(
            f"The labels look like an image: they have {len(counts)} values, and "
            + (
                f"the image has {image_values}."
                if image_is_flat
                else f"{unlike:.0%} of neighbouring pixels differ."
            ),
            {},
            "Exchange image and labels if they are swapped",
        )
    void = unknown_label(statistics)
    if void is not None and void != ignore_label:
        return Doubt(
            f"{void} is a label that other programs give to what nobody has annotated."
            if void == UNLABELLED
            else f"{void} lies around objects, as if it meant that nobody knows what is there.",
            ({"labels": "mask"} if mode == "scribbles" else {}) | {"ignore_label": void},
        )
    if mode in OBJECT_MODES:
        return None
    if _is_soft(counts):
        low, high = _commonest(counts)
        return Doubt(
            f"The labels look like a mask with soft edges: between {low} and {high} there are "
            f"{len(counts) - 2} more values.",
            {},
            f"Threshold them first, e.g. labels > {(low + high) // 2}",
        )
    if many or _are_objects(counts, mode):
        n_labels = len(counts) - (0 in counts)
        is_smooth = many and statistics.n_steps > _IMAGE_STEPS * statistics.n_unlike
        return Doubt(
            f"There are {n_labels} labels, as if each object had a number of its own"
            + (", or as if image and labels were swapped." if is_smooth else "."),
            {"labels": "objects"},
        )
    return None


def image_values(image: Any) -> int:
    """Return how many values there are among pixels from all over an image, of any axes."""
    side = max(1, round(_IMAGE_SAMPLE_PX ** (1 / max(1, sum(size > 1 for size in image.shape)))))
    some = image[tuple(slice(None, None, max(1, size // side)) for size in image.shape)]
    return len(np.unique(np.asarray(some)))


def unknown_label(statistics: LabelStatistics) -> int | None:
    """Return the label that seems to stand for what nobody knows, if there is one: -1 or 255."""
    negative = [value for value in statistics.values if value < 0]
    return UNLABELLED if negative == [UNLABELLED] else outlining_void(statistics)


def outlining_void(statistics: LabelStatistics) -> int | None:
    """Return the label that outlines others and is far from all of them, if there is one: 255."""
    counts = statistics.values
    others = [value for value in counts if value not in (0, VOID)]
    if VOID not in counts or not others or not 0 <= max(others) < VOID // 2 or min(others) < 0:
        return None
    is_thin = statistics.void_ends > _VOID_ENDS * counts[VOID]
    is_beside = statistics.void_contacts > _VOID_CONTACTS * statistics.void_ends
    return VOID if is_thin and is_beside else None


def _commonest(counts: dict[int, int]) -> tuple[int, int]:
    first, second = sorted(counts, key=lambda value: -counts[value])[:2]
    return min(first, second), max(first, second)


def _is_soft(counts: dict[int, int]) -> bool:
    """Whether two values, far apart, have most of the pixels and the others lie between them."""
    if len(counts) < 2 + _SOFT_STEPS:
        return False
    low, high = _commonest(counts)
    rest = sum(count for value, count in counts.items() if value not in (low, high))
    return high - low >= _SOFT_APART and 2 * rest < min(counts[low], counts[high])


def _are_objects(counts: dict[int, int], mode: LabelMode) -> bool:
    """Whether labels are numbered from 1 and small, but more than strokes, and alike in size."""
    sizes = [count for value, count in counts.items() if value != 0]
    if len(sizes) < _FEW_OBJECTS or min(counts) < 0 or max(counts) > 2 * len(sizes):
        return False
    total = sum(counts.values())
    cover = sum(sizes) / total
    if mode == "scribbles" and cover < _OBJECTS_COVER:
        return False
    return 0 in counts and max(sizes) <= _OBJECTS_ALIKE * median(sizes) and max(sizes) < counts[0]

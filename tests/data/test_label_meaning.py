"""What labels mean besides strokes: objects, borders, frames without labels, what is ignored."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.annotation_summary import class_counts, statistics_of, summarize
from napari_fcn_crf.data.annotations import IGNORE, annotated_planes, class_indices
from napari_fcn_crf.data.label_statistics import count_labels
from napari_fcn_crf.data.objects import object_classes
from napari_fcn_crf.settings import LabelMode
from tests.labels import cells, touching_squares, voc_mask

MODES: tuple[LabelMode, ...] = ("scribbles", "mask", "objects", "objects-border")


def _counts(labels: np.ndarray, mode: LabelMode, ignore_label: int | None = None) -> dict[int, int]:
    (statistics,) = statistics_of([labels], mode, ignore_label)
    return class_counts(statistics, mode, ignore_label)


def _movie() -> np.ndarray:
    """Return ten frames of 32 x 32 pixels, the first of which has a mask of 64 pixels."""
    movie = np.zeros((10, 32, 32), np.uint8)
    movie[0, 8:16, 8:16] = 1
    return movie


def test_frames_without_labels_are_not_annotated() -> None:
    movie = _movie()
    assert _counts(movie, "mask") == {0: 1024 - 64, 1: 64}
    assert list(annotated_planes(movie, "mask")) == [(0,)]
    indices = class_indices(movie, (0, 1), "mask")
    assert (indices[1:] == IGNORE).all()
    np.testing.assert_array_equal(indices[0], movie[0])
    summary = summarize(count_labels(movie), "mask")
    assert summary.note == "9 of 10 frames have no labels and are left out."
    assert summary.annotated_fraction == 0.1
    assert summarize(count_labels(movie), "scribbles").note == ""
    assert summarize(count_labels(movie[:2]), "mask").note.startswith("1 of 2 frames has no")


@pytest.mark.parametrize("shape", [(32, 32), (1, 32, 32)])
def test_a_single_image_without_labels_is_background(shape: tuple[int, ...]) -> None:
    empty = np.zeros(shape, np.uint8)
    assert _counts(empty, "mask") == {0: 1024}
    assert len(list(annotated_planes(empty, "mask"))) == 1
    assert (class_indices(empty, (0, 1), "mask") == 0).all()


def test_objects_are_one_class() -> None:
    labels = cells()
    classes = object_classes(labels, with_border=False)
    np.testing.assert_array_equal(classes, labels > 0)
    indices = class_indices(labels, (0, 1), "objects")
    np.testing.assert_array_equal(indices, labels > 0)
    n_cells = int((labels > 0).sum())
    assert _counts(labels, "objects") == {0: labels.size - n_cells, 1: n_cells}


def test_borders_keep_objects_apart() -> None:
    labels = touching_squares()
    classes = object_classes(labels, with_border=True)
    for first in (10, 20):
        square = classes[10:20, first : first + 10]
        assert (square[1:-1, 1:-1] == 1).all()
        assert (square == 2).sum() == 36
    assert (classes > 0).sum() == 200
    assert _counts(labels, "objects-border") == {0: 32 * 40 - 200, 1: 128, 2: 72}


@pytest.mark.parametrize("mode", MODES)
def test_counts_are_those_of_the_indices(mode: LabelMode) -> None:
    """Also where large layers are counted in blocks, and what is ignored is beside objects."""
    stack = np.stack([voc_mask(), np.zeros_like(voc_mask()), voc_mask()[::-1]])
    counts = _counts(stack, mode, 255)
    assert 255 not in counts
    indices = class_indices(stack, tuple(counts), mode, 255)
    for position, count in enumerate(counts.values()):
        assert (indices == position).sum() == count
    assert (indices[stack == 255] == IGNORE).all()
    if mode != "scribbles":
        assert (indices[1] == IGNORE).all()
        assert (indices[0][voc_mask() != 255] != IGNORE).all()


def test_beside_what_is_ignored_there_is_no_border() -> None:
    labels = touching_squares()
    labels[9:21, 9:31][labels[9:21, 9:31] == 0] = 255
    classes = object_classes(labels, with_border=True, ignore_label=255)
    inside = classes[10:20, 10:30]
    assert (inside == 2).sum() == 20
    assert (inside[:, 9:11] == 2).all()

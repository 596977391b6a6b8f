"""Small regions take their neighbours' label; touching objects come apart."""

import numpy as np
import pytest

from napari_fcn_crf.data.objects import object_classes
from napari_fcn_crf.results.cleanup import remove_small_regions, split_instances
from tests.labels import touching_squares


@pytest.fixture
def labels() -> np.ndarray:
    """Label 7 on the left with a hole of 0, label 0 on the right with a speck of 7."""
    labels = np.zeros((40, 60), np.int32)
    labels[:, :30] = 7
    labels[10:13, 10:13] = 0
    labels[20, 50] = 7
    return labels


def test_specks_and_holes_go(labels):
    cleaned = remove_small_regions(labels, 10)
    assert (cleaned[:, :30] == 7).all()
    assert (cleaned[:, 30:] == 0).all()
    assert cleaned.dtype == labels.dtype


def test_large_enough_regions_stay(labels):
    cleaned = remove_small_regions(labels, 9)
    assert (cleaned[10:13, 10:13] == 0).all()
    assert cleaned[20, 50] == 0
    np.testing.assert_array_equal(remove_small_regions(labels, 1), labels)


@pytest.mark.parametrize(
    ("dtype", "value", "sentence"),
    [(np.uint64, 2**64 - 1, r"below 2\^63"), (np.int64, -(2**63), r"above -2\^63")],
)
def test_labels_that_cannot_be_told_from_none_are_refused(dtype, value, sentence):
    labels = np.zeros((9, 9), dtype)
    labels[:5] = value
    with pytest.raises(ValueError, match=sentence):
        remove_small_regions(labels, 3)


def test_where_everything_is_small_nothing_changes(labels):
    np.testing.assert_array_equal(remove_small_regions(labels, labels.size + 1), labels)


def test_sizes_below_one_are_refused(labels):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        remove_small_regions(labels, 0)


def test_touching_discs_come_apart():
    rows, columns = np.mgrid[:60, :100]
    left = (rows - 30) ** 2 + (columns - 32) ** 2 < 20**2
    right = (rows - 30) ** 2 + (columns - 66) ** 2 < 20**2
    labels = np.where(left | right, 5, 2)
    instances = split_instances(labels, 5, minimum_distance_px=10)
    assert set(np.unique(instances)) == {0, 1, 2}
    np.testing.assert_array_equal(instances > 0, labels == 5)
    assert instances[30, 25] != instances[30, 73]
    for disc in (left & (columns < 40), right & (columns > 58)):
        assert len(np.unique(instances[disc])) == 1
    farther_apart = split_instances(labels, 5, minimum_distance_px=40)
    assert set(np.unique(farther_apart)) == {0, 1}


def test_an_absent_class_is_named():
    with pytest.raises(ValueError, match=r"label 9; found are 0, 3"):
        split_instances(np.array([[0, 3]]), 9)
    with pytest.raises(ValueError, match=r"found are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 90 more\."):
        split_instances(np.arange(100)[None], 100)


def test_borders_tell_touching_objects_apart() -> None:
    numbered = touching_squares()
    numbered[25:27, 4:6] = 4  # nothing but border
    classes = object_classes(numbered, with_border=True)
    split = split_instances(classes, 1, border=2)
    np.testing.assert_array_equal(split > 0, numbered > 0)
    pairs = {(int(one), int(other)) for one, other in zip(split.flat, numbered.flat, strict=True)}
    assert len(pairs) == 4

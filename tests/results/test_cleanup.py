"""Small regions take their neighbours' label."""

import numpy as np
import pytest

from napari_fcn_crf.results.cleanup import remove_small_regions


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

"""A part changes, the rest stays."""

import numpy as np
import pytest

from napari_fcn_crf.pipeline.restriction import keep_outside, only_class, region_mask

BEFORE = np.array([[[0.6, 0.3, 0.2]], [[0.3, 0.6, 0.2]], [[0.1, 0.1, 0.6]]], np.float32)
AFTER = BEFORE[[1, 0, 2]]


def test_outside_of_a_region_nothing_changes():
    where = np.array([[True, False, False]])
    kept = keep_outside(BEFORE, AFTER, where)
    np.testing.assert_array_equal(kept[:, 0, 0], AFTER[:, 0, 0])
    np.testing.assert_array_equal(kept[:, 0, 1:], BEFORE[:, 0, 1:])


def test_only_pixels_of_the_class_change():
    after = AFTER.copy()
    after[:, 0, 1] = [0.1, 0.2, 0.7]
    kept = only_class(BEFORE, after, 0)
    np.testing.assert_array_equal(kept[:, 0, 0], after[:, 0, 0])
    np.testing.assert_array_equal(kept[:, 0, 1], BEFORE[:, 0, 1])


SQUARE = np.array([[2.0, 3], [2, 8], [6, 8], [6, 3]])


def on_plane(axis: int, at: float) -> np.ndarray:
    """The square on a slice of a stack along one of its axes."""
    return np.insert(SQUARE, axis, at, axis=1)


def test_a_region_lies_on_its_slice() -> None:
    mask = region_mask([on_plane(0, 3.2)], (5, 10, 12))
    assert not mask[[0, 1, 2, 4]].any()
    np.testing.assert_array_equal(mask[3], region_mask([SQUARE], (10, 12)))
    assert mask[3, 4, 5]
    assert not mask[3, 4, 9]
    assert not mask[3, 7, 5]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_region_lies_on_slices_along_any_axis(axis: int) -> None:
    mask = region_mask([on_plane(axis, 4)], (9, 9, 9))
    at = mask.take(4, axis)
    assert at.sum() == mask.sum() > 10
    np.testing.assert_array_equal(at, region_mask([SQUARE], (9, 9)))


def test_a_region_without_a_slice_lies_on_all() -> None:
    mask = region_mask([SQUARE], (5, 10, 12))
    assert (mask == mask[0]).all()
    assert mask.any()


def test_several_regions_each_lie_on_their_own_slice() -> None:
    mask = region_mask([on_plane(0, 0), on_plane(0, 3)], (5, 10, 12))
    assert mask.any(axis=(1, 2)).tolist() == [True, False, False, True, False]


def test_a_region_beside_the_image_changes_nothing() -> None:
    assert not region_mask([on_plane(0, 7), SQUARE + 50], (5, 10, 12)).any()


def test_a_region_across_slices_is_refused() -> None:
    across = on_plane(0, 1)
    across[0, 0] = 4
    with pytest.raises(ValueError, match="crosses several"):
        region_mask([across], (5, 10, 12))

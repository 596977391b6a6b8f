"""A part changes, the rest stays."""

import numpy as np

from napari_fcn_crf.pipeline.restriction import keep_outside, only_class

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

"""Entropy is 0 where one class is sure and 1 where all are alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fcn_crf.results.uncertainty import entropy, most_uncertain_position


def test_bounds_are_reached():
    probabilities = np.array([[[1.0, 0.25]], [[0.0, 0.25]], [[0.0, 0.25]], [[0.0, 0.25]]])
    np.testing.assert_allclose(entropy(probabilities), [[0, 1]], atol=1e-6)


def test_between_the_bounds_it_is_shannons():
    # One and a half bits, of two.
    probabilities = np.array([0.5, 0.25, 0.25, 0.0]).reshape(4, 1, 1)
    np.testing.assert_allclose(entropy(probabilities), 0.75, atol=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda p: sum(p) > 0.1))
def test_order_of_classes_does_not_matter(weights):
    p = np.array(weights)[:, None, None] / sum(weights)
    value = entropy(p)
    assert 0 <= value <= 1
    np.testing.assert_allclose(entropy(p[::-1]), value, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 255, 1e308])
def test_other_numbers_than_probabilities_are_refused(bad):
    with pytest.raises(ValueError, match=r"probabilities from 0 to 1, but .*Choose the layer"):
        entropy(np.array([0.5, bad]).reshape(2, 1, 1))


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        entropy(np.ones((1, 4, 4)))


def test_the_widest_uncertain_patch_wins_over_a_bright_speck():
    uncertainty = np.zeros((100, 100), np.float32)
    uncertainty[10, 10] = 1
    uncertainty[60:80, 60:80] = 0.5
    row, column = most_uncertain_position(uncertainty, sigma_px=5)
    assert 60 <= row < 80
    assert 60 <= column < 80


def test_outside_the_image_nothing_is_uncertain():
    uncertainty = np.zeros((100, 100), np.float32)
    uncertainty[:5, :5] = 0.5
    uncertainty[50:60, 50:60] = 0.4
    assert most_uncertain_position(uncertainty, sigma_px=5)[0] >= 50


def test_annotated_pixels_need_no_stroke():
    uncertainty = np.zeros((100, 100), np.float32)
    uncertainty[20:40, 20:40] = 0.5
    uncertainty[70:80, 70:80] = 0.5
    annotated = np.zeros((100, 100), bool)
    annotated[15:45, 15:45] = True
    row, column = most_uncertain_position(uncertainty, annotated, sigma_px=5)
    assert row >= 70
    assert column >= 70


def test_the_plane_of_a_stack_is_found():
    uncertainty = np.zeros((3, 50, 50), np.float32)
    uncertainty[1, 20:30, 20:30] = 1
    assert most_uncertain_position(uncertainty, sigma_px=3)[0] == 1

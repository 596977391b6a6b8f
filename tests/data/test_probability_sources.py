"""Any source becomes probabilities: class axis in front, summing to one."""

import numpy as np
import pytest

from napari_fcn_crf.data.probability_sources import (
    as_fractions,
    class_axis_first,
    from_labels,
    from_single_classes,
)
from napari_fcn_crf.pipeline.refinement import check_probabilities

LABELS = np.array([[0, 3, 3], [8, 8, 0]])


def test_labels_with_unknown_pixels():
    probabilities, values = from_labels(LABELS, 0.9, "unknown")
    assert values == (3, 8)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(probabilities[0], [[0.5, 0.9, 0.9], [0.1, 0.1, 0.5]], atol=1e-6)


def test_labels_with_a_background():
    probabilities, values = from_labels(LABELS, 0.8, "background")
    assert values == (0, 3, 8)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(np.array(values)[probabilities.argmax(axis=0)], LABELS)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 0.2])
def test_confidence_has_bounds(confidence):
    with pytest.raises(ValueError, match=r"between chance \(0.5\) and 1"):
        from_labels(LABELS, confidence, "unknown")


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        from_labels(np.ones((3, 3), int), 0.9, "background")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_class_axis_is_found_anywhere(axis):
    first = np.random.default_rng(0).dirichlet([1, 1, 1], (5, 7)).transpose(2, 0, 1)
    moved = np.moveaxis(first, 0, axis)
    np.testing.assert_array_equal(class_axis_first(moved, (5, 7)), first.astype(np.float32))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 7\) and one axis more"):
        class_axis_first(np.zeros((2, 5, 8)), (5, 7))


def test_one_layer_is_the_foreground():
    foreground = np.array([[0.25, 1.0]])
    np.testing.assert_array_equal(from_single_classes([foreground]), [[[0.75, 0.0]], [[0.25, 1.0]]])


def test_several_layers_are_scaled_to_one():
    scaled = from_single_classes([np.array([[0.2, 0.0]]), np.array([[0.6, 0.0]])])
    np.testing.assert_allclose(scaled, [[[0.25, 0.5]], [[0.75, 0.5]]], atol=1e-6)


def test_values_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        from_single_classes([np.array([[0.0, 255.0]])])
    with pytest.raises(ValueError, match="layers of one shape"):
        from_single_classes([np.zeros((2, 2)), np.zeros((2, 3))])


def test_numbers_too_large_for_probabilities_are_told_as_they_are():
    with pytest.raises(ValueError, match=r"these go from -1e\+300 to 1e\+308"):
        from_single_classes([np.array([[1e308, -1e300]])])
    with pytest.raises(ValueError, match="infinite"):
        check_probabilities(class_axis_first(np.full((2, 5, 7), 1e308), (5, 7)), (5, 7))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_whole_numbers_are_fractions_of_the_highest(kind: type) -> None:
    highest = np.iinfo(kind).max
    given = np.random.default_rng(0).dirichlet(np.ones(12), (5, 6)).transpose(2, 0, 1)
    exported = np.round(given * highest).astype(kind)
    fractions, note = as_fractions(exported)
    np.testing.assert_allclose(fractions, given, atol=12 / highest)
    np.testing.assert_allclose(fractions.sum(axis=0), 1, atol=1e-6)
    assert f"divided by {highest}" in note
    # What does not sum up is not made to.
    fractions, _ = as_fractions(exported // 2)
    assert fractions.sum(axis=0).max() < 0.6


def test_ones_and_fractions_stay() -> None:
    ones = np.eye(2, dtype=np.uint8)[:, :, np.newaxis]
    for given in (ones, ones.astype(np.float32)):
        kept, note = as_fractions(given)
        assert kept is given
        assert note == ""

"""The most probable class is the largest probability's, the first of those that are alike."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.results import most_probable as module
from napari_fcn_crf.results.most_probable import most_probable


@pytest.mark.parametrize("classes", [1, 2, 5, 300])
def test_it_is_the_largest_and_of_several_the_first(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 20)
    # Of so few values that many are alike.
    probabilities = np.random.default_rng(classes).integers(0, 4, (classes, 3, 11, 7)) / 4
    found = most_probable(probabilities)
    np.testing.assert_array_equal(found, probabilities.argmax(axis=0))
    assert found.dtype == (np.uint8 if classes < 256 else np.uint16)


def test_values_stand_for_the_classes() -> None:
    probabilities = np.array([[[0.2, 0.6]], [[0.5, 0.1]], [[0.3, 0.3]]], np.float32)
    values = np.array([4, 1000, 7], np.uint16)
    found = most_probable(probabilities, values)
    np.testing.assert_array_equal(found, [[1000, 4]])
    assert found.dtype == np.uint16

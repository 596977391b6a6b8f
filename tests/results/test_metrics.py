from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.results.metrics import changed_fraction, class_iou, mean_iou, pixel_accuracy

TRUTH = np.array([[0, 0, 1, 1], [IGNORE, IGNORE, 1, 1]])
PREDICTED = np.array([[0, 1, 1, 1], [1, 0, 1, 0]])


def test_by_hand() -> None:
    np.testing.assert_allclose(class_iou(PREDICTED, TRUTH, 3), [1 / 3, 3 / 5, np.nan])
    assert mean_iou(PREDICTED, TRUTH, 3) == pytest.approx((1 / 3 + 3 / 5) / 2)
    assert pixel_accuracy(PREDICTED, TRUTH) == pytest.approx(4 / 6)
    assert changed_fraction(PREDICTED, TRUTH) == pytest.approx(4 / 8)


@given(*[hnp.arrays(np.int64, (6, 7), elements=st.integers(0, 3))] * 2)
def test_agrees_with_sets_of_pixels(predicted: np.ndarray, truth: np.ndarray) -> None:
    for index, iou in enumerate(class_iou(predicted, truth, 4)):
        union = np.sum((predicted == index) | (truth == index))
        intersection = np.sum((predicted == index) & (truth == index))
        assert np.isnan(iou) if union == 0 else iou == pytest.approx(intersection / union)


def test_perfect() -> None:
    assert mean_iou(TRUTH.clip(0), TRUTH, 2) == 1
    assert pixel_accuracy(TRUTH.clip(0), TRUTH) == 1
    assert changed_fraction(TRUTH, TRUTH) == 0

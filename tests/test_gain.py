"""A gain counts when chance does not explain it."""

import numpy as np
import pytest

from napari_fcn_crf.gain import Gain


def test_what_only_some_strokes_gain_is_no_gain():
    gains = np.array([0.5, -0.3, 0.4, -0.2])
    assert gains.mean() > 0
    assert Gain.of(gains, np.full(4, 0.25)).least < 0
    assert Gain.of(np.full(4, 0.1), np.full(4, 0.25)).least == pytest.approx(0.1)


def test_strokes_count_with_their_weights():
    gain = Gain.of(np.array([1.0, 2.0, 3.0, 100.0]), np.array([1, 1, 2, 0]) / 4)
    assert gain.mean == pytest.approx((1 + 2 + 3 + 3) / 4)
    squares = (1.25**2 + 0.25**2 + 4 * 0.75**2) / 16
    assert gain.error == pytest.approx(np.sqrt(4 / 3 * squares))


def test_a_gain_is_weighed_by_students_t():
    gains = np.random.default_rng(0).normal(1, 1, 9)
    gain = Gain.of(gains, np.full(9, 1 / 9))
    assert gain.mean == pytest.approx(gains.mean())
    assert gain.error == pytest.approx(gains.std(ddof=1) / 3)
    # From a table: t of 8 degrees of freedom at 99 %.
    assert gain.least == pytest.approx(gain.mean - 2.896 * gain.error, abs=1e-3)
    # And at 99.75 %, for one of four.
    one_of_four = Gain.of(gains, np.full(9, 1 / 9), comparisons=4)
    assert one_of_four.least == pytest.approx(gain.mean - 3.833 * gain.error, abs=1e-3)

"""A gain counts when chance does not explain it."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from napari_fcn_crf.crf.tuning.gain import Gain, chances

ALIKE = np.full(9, 1 / 9)


def test_what_only_some_strokes_gain_is_no_gain():
    gains = np.array([0.5, -0.3, 0.4, -0.2, 0.3, -0.1, 0.2, -0.2, 0.1])
    assert gains.mean() > 0
    (chance,) = chances(gains[None], ALIKE)
    assert chance > 0.2
    # Of 512 combinations of signs, only this one gains as much.
    (chance,) = chances(np.full((1, 9), 0.1), ALIKE)
    assert chance == 1 / 512
    assert chances(np.zeros((1, 9)), ALIKE) == [1]
    assert chances(np.full((1, 9), -0.1), ALIKE) == [1]
    # Of more strokes not all combinations are looked at, but the given one always is.
    assert chances(np.full((1, 40), 0.1), np.full(40, 1 / 40)) == [1 / 4096]


@pytest.mark.parametrize("strokes", [12, 30])
def test_of_one_setting_it_is_nearly_students(strokes):
    gains = np.random.default_rng(0).normal(0.5, 1, strokes)
    (chance,) = chances(gains[None], np.full(strokes, 1 / strokes))
    expected = ttest_1samp(gains, 0, alternative="greater").pvalue
    assert chance == pytest.approx(expected, rel=0.2)


def test_the_more_settings_the_likelier_is_one_better_by_chance():
    generator = np.random.default_rng(0)
    weights = np.full(30, 1 / 30)
    gains = generator.normal(0.4, 1, 30)
    (alone,) = chances(gains[None], weights)
    # Others that are the same change nothing; those that are not, do.
    np.testing.assert_allclose(chances(np.stack([gains] * 4), weights), alone)
    others = generator.normal(0, 1, (3, 30))
    among = chances(np.stack([gains, *others]), weights)[0]
    assert 0.01 < alone < 0.05
    # Four that have nothing to do with each other: nearly four times.
    assert among == pytest.approx(4 * alone, rel=0.2)


def test_the_mean_and_its_error():
    gains = np.random.default_rng(0).normal(1, 1, 9)
    gain = Gain.of(gains, ALIKE)
    assert gain.mean == pytest.approx(gains.mean())
    assert gain.error == pytest.approx(gains.std(ddof=1) / 3)


def test_strokes_count_with_their_weights():
    weights = np.array([1, 1, 2, 0]) / 4
    gain = Gain.of(np.array([1.0, 2.0, 3.0, 100.0]), weights)
    assert gain.mean == pytest.approx((1 + 2 + 3 + 3) / 4)
    squares = (1.25**2 + 0.25**2 + 4 * 0.75**2) / 16
    assert gain.error == pytest.approx(np.sqrt(4 / 3 * squares))
    # What has no weight could have either sign.
    assert chances(np.array([[1.0, 1.0, 1.0, -100.0]]), weights) == [2 / 16]

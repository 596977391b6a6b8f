"""Features in 16 bits: as good as they were, whole or in parts, and scored like by the layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from napari_fcn_crf.fcn.linear.columns import Columns, ColumnsWriter
from napari_fcn_crf.fcn.linear.logistic_regression import Linear
from napari_fcn_crf.fcn.linear.moments import FLOOR, Moments

WHOLE = (slice(None), slice(None))


def _features(seed: int = 0, loud: float = 1.0) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scales = np.geomspace(0.01, 100, 8) * loud
    return np.maximum(rng.normal(size=(20, 30, 8)) * scales, 0).astype(np.float32)


def _written(*parts: tuple[tuple[slice, slice], npt.NDArray[np.float32]]) -> Columns:
    writer = ColumnsWriter(np.empty((20, 30, 8), np.uint16))
    for place, features in parts:
        writer.write(place, features)
    return writer.columns()


def test_sixteen_bits_are_enough() -> None:
    features = _features()
    columns = _written((WHOLE, features))
    off = np.abs(columns.at(WHOLE) - features).max(axis=(0, 1))
    assert (off <= features.max(axis=(0, 1)) / 65535).all()


def test_parts_have_one_unit_however_loud_they_are() -> None:
    quiet, loud = _features(0), _features(1, 300.0)
    top, bottom = (slice(0, 10), slice(None)), (slice(10, 20), slice(None))
    columns = _written((top, quiet[:10]), (bottom, loud[10:]))
    largest = loud.max(axis=(0, 1))
    assert (np.abs(columns.at(top) - quiet[:10]).max(axis=(0, 1)) <= 2 * largest / 65535).all()
    assert (np.abs(columns.at(bottom) - loud[10:]).max(axis=(0, 1)) <= 2 * largest / 65535).all()


def test_features_that_are_all_zero_stay_so() -> None:
    features = _features()
    features[..., 3] = 0
    columns = _written((WHOLE, features))
    assert not columns.at(WHOLE)[..., 3].any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_the_features(n_classes: int) -> None:
    rng = np.random.default_rng(2)
    features = _features()
    linear = Linear(
        rng.normal(0, 0.02, (8, n_classes)).astype(np.float32),
        rng.normal(size=n_classes).astype(np.float32),
    )
    columns = _written((WHOLE, features))
    exponentials = np.exp(features @ linear.coefficients + linear.intercepts).transpose(2, 0, 1)
    expected = exponentials / exponentials.sum(axis=0)
    np.testing.assert_allclose(columns.probabilities(linear, WHOLE), expected, atol=0.005)
    window = (slice(3, 17, 2), slice(5, 30, 2))
    found = columns.probabilities(linear, window)
    np.testing.assert_allclose(found, expected[:, 3:17:2, 5:30:2], atol=0.005)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_far_apart_are_no_trouble(n_classes: int) -> None:
    columns = Columns(np.array([[[0, 9], [9, 0]]], np.uint16), np.ones(2, np.float32))
    linear = Linear(np.zeros((2, n_classes), np.float32), np.zeros(n_classes, np.float32))
    linear.coefficients[:, 1] = -1e4, 1e4
    found = columns.probabilities(linear, WHOLE)
    np.testing.assert_allclose(found[1], [[1, 0]], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1)


def test_large_scores_of_all_classes_are_told_apart() -> None:
    values = np.arange(1, 65536, 97, dtype=np.uint16).reshape(1, -1, 1)
    linear = Linear(np.array([[1, 1.0001]], np.float32), np.zeros(2, np.float32))
    found = Columns(values, np.ones(1, np.float32)).probabilities(linear, WHOLE)
    apart = values[..., 0] * np.diff(linear.coefficients)[0, 0]
    np.testing.assert_allclose(found[1], 1 / (1 + np.exp(-apart)), atol=0.005)


def test_moments_are_added_up() -> None:
    one, other = _features(0), _features(1, 5.0)
    together = Moments(8)
    for features in (one, other):
        together.add(features)
    apart = []
    for features in (one, other):
        moments = Moments(8)
        moments.add(features)
        apart.append(moments)
    both = np.concatenate([one, other]).reshape(-1, 8)
    for moments in (together, Moments.together(apart)):
        np.testing.assert_allclose(moments.mean, both.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(moments.variance, both.var(axis=0), rtol=1e-4)


def test_a_folded_classifier_scores_features_as_they_are() -> None:
    rng = np.random.default_rng(3)
    features = _features().reshape(-1, 8)
    moments = Moments(8)
    moments.add(features)
    gain = rng.uniform(0.5, 2, 8).astype(np.float32)
    standard = moments.standard(gain, 1e-6)
    linear = Linear(
        rng.normal(size=(8, 2)).astype(np.float32), rng.normal(size=2).astype(np.float32)
    )
    standardised = standard.apply(features)
    # Features that hardly respond are not made as loud as the others.
    variance = features.var(axis=0)
    expected = gain**2 * variance / (variance + FLOOR * variance.mean() + 2e-6)
    np.testing.assert_allclose(standardised.var(axis=0), expected, rtol=1e-3)
    folded = standard.folded(linear, 3.0)
    np.testing.assert_allclose(
        features @ folded.coefficients + folded.intercepts,
        3 * (standardised @ linear.coefficients + linear.intercepts),
        rtol=1e-3,
        atol=1e-3,
    )

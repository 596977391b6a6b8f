"""Logistic regression is at its minimum, wherever the search began, and by either method."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from napari_fcn_crf.fcn.linear import logistic_regression as module
from napari_fcn_crf.fcn.linear.logistic_regression import Linear, logistic_regression

PENALTY = 0.01
Samples = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def samples() -> Samples:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 300)
    return rng.normal(size=(3, 5))[classes] + rng.normal(size=(300, 5)), classes


@pytest.mark.parametrize("by", ["Newton", "L-BFGS"])
def test_it_is_at_its_minimum(samples: Samples, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "L-BFGS":
        monkeypatch.setattr(module, "_NEWTON_AT_MOST", 0)
    features, classes = samples
    found = logistic_regression(features, classes, np.ones(300), 3, PENALTY)
    scores = features @ found.coefficients + found.intercepts
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    residual = (probabilities - np.eye(3)[classes]) / 300
    within = 1e-6 if by == "Newton" else 1e-4
    gradient = features.T @ residual + PENALTY * found.coefficients
    np.testing.assert_allclose(gradient, 0, atol=within)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=within)


def test_a_pixel_that_counts_twice_is_two_pixels(samples: Samples) -> None:
    features, classes = samples
    weights = np.ones(300)
    weights[:100] = 2
    weighted = logistic_regression(features, classes, weights, 3, PENALTY)
    repeated = logistic_regression(
        np.concatenate([features, features[:100]]),
        np.concatenate([classes, classes[:100]]),
        np.ones(400),
        3,
        PENALTY,
    )
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-4)


def test_from_another_solution_it_finds_the_same(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, classes = samples
    before = logistic_regression(features[:290], classes[:290], np.ones(290), 3, PENALTY)
    anew = logistic_regression(features, classes, np.ones(300), 3, PENALTY)
    warm = logistic_regression(features, classes, np.ones(300), 3, PENALTY, before)
    np.testing.assert_allclose(warm.coefficients, anew.coefficients, atol=5e-5)
    np.testing.assert_allclose(warm.intercepts, anew.intercepts, atol=5e-5)

    looked: list[int] = []
    loss = module._Problem.loss
    monkeypatch.setattr(module._Problem, "loss", lambda *given: looked.append(1) or loss(*given))
    logistic_regression(features, classes, np.ones(300), 3, PENALTY, warm)
    assert len(looked) <= 3  # there it ends at once


def test_a_start_of_other_classes_is_left_alone(samples: Samples) -> None:
    features, classes = samples
    two = Linear(np.ones((5, 2), np.float32), np.ones(2, np.float32))
    anew = logistic_regression(features, classes, np.ones(300), 3, PENALTY)
    found = logistic_regression(features, classes, np.ones(300), 3, PENALTY, two)
    np.testing.assert_array_equal(found.coefficients, anew.coefficients)


def test_features_that_tell_the_classes_apart_without_doubt() -> None:
    """Separable classes have a solution through the penalty alone, in single precision, too."""
    classes = np.arange(200) % 8
    features = np.eye(8, 90, dtype=np.float32)[classes] * 50
    found = logistic_regression(features, classes, np.ones(200), 8, 1e-3)
    scores = features @ found.coefficients + found.intercepts
    assert np.isfinite(found.coefficients).all()
    np.testing.assert_array_equal(scores.argmax(axis=1), classes)

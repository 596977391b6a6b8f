"""Logistic regression: a linear classifier solved for the annotated pixels, before any step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import classifier_of
from napari_fcn_crf.fcn.hypercolumns.levels import PENALTY
from napari_fcn_crf.fcn.training.samples import Report

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

_MOST_PIXELS = 20_000
_ROUNDS = 200


def needs_last_layer(network: Any) -> bool:
    """Return whether a network ends in a linear classifier that nothing has been learnt by yet."""
    classifier = classifier_of(network)
    if classifier is None:
        return False
    weights = [weight for layer in classifier.layers for weight in layer.weights]
    return not any(keras.ops.convert_to_numpy(weight).any() for weight in weights)


def solve_last_layer(
    network: Any,
    all_patches: list[Patches],
    factors: npt.NDArray[np.float64],
    seed: int,
    report: Report,
) -> None:
    """Standardise the features of a network that ends in a linear classifier, and set that.

    Parameters
    ----------
    network : keras.Model
        Whose head has a `classifier`.
    all_patches : list of Patches
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    seed : int
        Of the choice among more than 20 000 annotated pixels.
    report : callable
        Called before each patch; may raise to end it.

    Notes
    -----
    The classifier is the multinomial logistic regression with an L2 penalty: convex, so there is
    one solution, found in a fraction of a second. What remains for the optimizer is to tune
    everything to it.
    """
    rng = np.random.default_rng(seed)
    most = _MOST_PIXELS // len(all_patches)
    chosen = [_choose(patches.indices, most, rng) for patches in all_patches]
    answers = np.concatenate(
        [patches.indices[where] for patches, where in zip(all_patches, chosen, strict=True)]
    )
    classifier = classifier_of(network)
    assert classifier is not None
    features = classifier.features(network, all_patches, chosen, report)
    kernel, bias = logistic_regression(features, answers, factors[answers], len(factors))
    sharpness = classifier.sharpness
    start = 0
    for layer in classifier.layers:
        inputs = layer.kernel.shape[2]
        part = kernel[start : start + inputs]
        layer.kernel.assign(sharpness * part[np.newaxis, np.newaxis])
        start += inputs
        if layer.use_bias:
            layer.bias.assign(sharpness * bias)


def _choose(indices: Indices, most: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which annotated pixels count: all of them, or as many at random."""
    annotated = np.flatnonzero(indices.ravel() != IGNORE)
    if len(annotated) > most:
        annotated = rng.choice(annotated, most, replace=False)
    chosen = np.zeros(indices.size, bool)
    chosen[annotated] = True
    return chosen.reshape(indices.shape)


def logistic_regression(
    features: npt.NDArray[np.floating],
    classes: npt.NDArray[np.integer],
    weights: npt.NDArray[np.floating],
    n_classes: int,
    penalty: float = PENALTY,
) -> tuple[Floats, Floats]:
    """Return coefficients `(n_features, n_classes)` and intercepts `(n_classes,)`.

    Notes
    -----
    Minimises `-sum_i w_i log p_i(c_i) / sum_i w_i + penalty |coefficients|^2 / 2`.
    """
    samples, width = features.shape
    features = np.concatenate([features, np.ones((samples, 1), features.dtype)], axis=1)
    weights = (weights / weights.sum()).astype(features.dtype)
    rows = np.arange(samples)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        coefficients = flat.reshape(width + 1, n_classes)
        scores = features @ coefficients.astype(features.dtype)
        scores -= scores.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        log_probabilities = scores - log_total
        residual = np.exp(log_probabilities)
        residual[rows, classes] -= 1
        gradient = (features.T @ (residual * weights[:, np.newaxis])).astype(np.float64)
        gradient[:width] += penalty * coefficients[:width]
        value = -weights @ log_probabilities[rows, classes]
        value += 0.5 * penalty * np.square(coefficients[:width]).sum()
        return float(value), gradient.ravel()

    start = np.zeros((width + 1) * n_classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    solution = found.reshape(width + 1, n_classes).astype(np.float32)
    return solution[:width], solution[width]

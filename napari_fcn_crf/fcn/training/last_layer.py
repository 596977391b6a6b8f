"""Last layer: a linear classifier solved for the annotated pixels, before any step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import classifier_of
from napari_fcn_crf.fcn.linear.logistic_regression import PENALTY, logistic_regression
from napari_fcn_crf.fcn.linear.pixels import MOST_PIXELS, choose_pixels
from napari_fcn_crf.fcn.training.samples import Report

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]


def needs_last_layer(network: Any) -> bool:
    """Return whether a network ends in a linear classifier that nothing has been learnt by yet."""
    classifier = classifier_of(network)
    if classifier is None:
        return False
    weights = [weight for layer in classifier.layers for weight in layer.weights]
    return not any(keras.ops.convert_to_numpy(weight).any() for weight in weights)


def forget_last_layer(network: Any) -> None:
    """Let the linear classifier that a network ends in be as it was before it was solved."""
    classifier = classifier_of(network)
    assert classifier is not None
    for layer in classifier.layers:
        for weight in layer.weights:
            weight.assign(keras.ops.zeros_like(weight))


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
    most = MOST_PIXELS // len(all_patches)
    chosen = [choose_pixels(patches.indices, most, rng) for patches in all_patches]
    answers = np.concatenate(
        [patches.indices[where] for patches, where in zip(all_patches, chosen, strict=True)]
    )
    classifier = classifier_of(network)
    assert classifier is not None
    features = classifier.features(network, all_patches, chosen, report)
    solved = logistic_regression(features, answers, factors[answers], len(factors), PENALTY)
    if classifier.of_layers is not None:
        for layer, part in zip(classifier.layers, classifier.of_layers(solved), strict=True):
            layer.kernel.assign(part.coefficients[np.newaxis, np.newaxis])
            layer.bias.assign(part.intercepts)
        return
    sharpness = classifier.sharpness
    start = 0
    for layer in classifier.layers:
        inputs = layer.kernel.shape[2]
        part = solved.coefficients[start : start + inputs]
        layer.kernel.assign(sharpness * part[np.newaxis, np.newaxis])
        start += inputs
        if layer.use_bias:
            layer.bias.assign(sharpness * solved.intercepts)

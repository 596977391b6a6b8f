"""A hypercolumn's last layer, solved for the annotated pixels before the first step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from napari_fcn_crf.annotations import IGNORE
from napari_fcn_crf.fcn.hypercolumn import NORMALISATION, PENALTY, SCORE
from napari_fcn_crf.fcn.padding import crop, pad_image

Floats = npt.NDArray[np.float32]

SHARPNESS = 3.0
"""Factor of the solved logits. The penalty that chooses a good direction leaves them too small for
the CRF, whose pairwise terms then wipe out thin structures; three was best on generated scenes."""

_FLOOR = 0.01
_MOST_PIXELS = 20_000
_ROUNDS = 200


def needs_last_layer(network: Any) -> bool:
    """Return whether a network ends in a linear classifier that nothing has been learnt by yet."""
    names = {layer.name for layer in network.layers}
    if not {NORMALISATION, SCORE} <= names:
        return False
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in network.get_layer(SCORE).weights)
    return not (kernel.any() or bias.any())


def solve_last_layer(
    network: Any,
    images: list[Floats],
    indices: list[npt.NDArray[np.int32]],
    factors: npt.NDArray[np.float64],
    seed: int,
) -> None:
    """Standardise a hypercolumn network's features and set its classifier.

    Parameters
    ----------
    network : keras.Model
        With a hypercolumn head.
    images : list of array of float32, each `(rows, columns, channels)`
        On the 0-255 scale.
    indices : list of array of int32, each `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    seed : int
        Of the choice among more than 20 000 annotated pixels.

    Notes
    -----
    The classifier is the multinomial logistic regression with an L2 penalty: convex, so there is
    one solution, found in a fraction of a second. What remains for the optimizer is to tune
    everything to it.
    """
    normalisation = network.get_layer(NORMALISATION)
    extractor = keras.Model(network.input, normalisation.input)
    extractor.jit_compile = False
    rng = np.random.default_rng(seed)
    width = normalisation.input.shape[-1]
    sums, squares, pixels = np.zeros(width), np.zeros(width), 0
    features, classes = [], []
    share = _MOST_PIXELS // len(images)
    for image, image_indices in zip(images, indices, strict=True):
        padded = extractor.predict_on_batch(pad_image(image)[np.newaxis])[0]
        column = crop(padded, image.shape[:2]).reshape(-1, padded.shape[-1])
        sums += column.sum(axis=0, dtype=np.float64)
        squares += np.square(column, dtype=np.float64).sum(axis=0)
        pixels += len(column)
        annotated = np.flatnonzero(image_indices.ravel() != IGNORE)
        if len(annotated) > share:
            annotated = rng.choice(annotated, share, replace=False)
        features.append(column[annotated])
        classes.append(image_indices.ravel()[annotated])
    mean = sums / pixels
    variance = np.maximum(squares / pixels - mean**2, 0)
    # A feature that hardly ever responds must not become the loudest.
    variance += _FLOOR * variance.mean() + 1e-6
    normalisation.moving_mean.assign(mean.astype(np.float32))
    normalisation.moving_variance.assign(variance.astype(np.float32))
    gain = keras.ops.convert_to_numpy(normalisation.gamma)
    standard = (np.concatenate(features) - mean) / np.sqrt(variance + normalisation.epsilon) * gain
    answers = np.concatenate(classes)
    kernel, bias = logistic_regression(standard, answers, factors[answers], len(factors))
    score = network.get_layer(SCORE)
    score.kernel.assign(SHARPNESS * kernel[np.newaxis, np.newaxis])
    score.bias.assign(SHARPNESS * bias)


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
    features = np.concatenate([features, np.ones((samples, 1))], axis=1)
    weights = weights / weights.sum()
    rows = np.arange(samples)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        coefficients = flat.reshape(width + 1, n_classes)
        scores = features @ coefficients
        scores -= scores.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        log_probabilities = scores - log_total
        residual = np.exp(log_probabilities)
        residual[rows, classes] -= 1
        gradient = features.T @ (residual * weights[:, np.newaxis])
        gradient[:width] += penalty * coefficients[:width]
        value = -weights @ log_probabilities[rows, classes]
        value += 0.5 * penalty * np.square(coefficients[:width]).sum()
        return float(value), gradient.ravel()

    start = np.zeros((width + 1) * n_classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    solution = found.reshape(width + 1, n_classes).astype(np.float32)
    return solution[:width], solution[width]

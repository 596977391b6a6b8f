"""A hypercolumn's classifier, solved for the annotated pixels before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.heads.bilinear_taps import Taps
from napari_fcn_crf.fcn.heads.hypercolumn import (
    NORMALISATION,
    PENALTY,
    SCORE,
    SHARPNESS,
    SUM,
    summed_levels,
)
from napari_fcn_crf.fcn.heads.level_scores import LOUDNESS, STANDARD
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.padding import crop, pad_constant, pad_image
from napari_fcn_crf.progress import Cancelled, ShouldStop

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

_FLOOR = 0.01
_MOST_PIXELS = 20_000
_ROUNDS = 200
_ROWS_AT_ONCE = 1 << 16


def classifier(network: Any) -> list[Any]:
    """Return the layers whose sum the logits are, if they are linear in constant features."""
    names = {layer.name for layer in network.layers}
    if SCORE in names:
        return [network.get_layer(SCORE)]
    return [layer for layer, _ in summed_levels(network)] if SUM in names else []


def needs_last_layer(network: Any) -> bool:
    """Return whether a network ends in a linear classifier that nothing has been learnt by yet."""
    weights = [weight for layer in classifier(network) for weight in layer.weights]
    return bool(weights) and not any(keras.ops.convert_to_numpy(weight).any() for weight in weights)


def solve_last_layer(
    network: Any,
    images: list[Floats],
    indices: list[Indices],
    factors: npt.NDArray[np.float64],
    seed: int,
    should_stop: ShouldStop | None = None,
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
    should_stop : callable, optional
        Asked before each image.

    Raises
    ------
    Cancelled
        If `should_stop` turned true.

    Notes
    -----
    The classifier is the multinomial logistic regression with an L2 penalty: convex, so there is
    one solution, found in a fraction of a second. What remains for the optimizer is to tune
    everything to it.
    """
    rng = np.random.default_rng(seed)
    chosen = [_choose(image_indices, _MOST_PIXELS // len(images), rng) for image_indices in indices]
    answers = np.concatenate([plane[where] for plane, where in zip(indices, chosen, strict=True)])
    layers = classifier(network)
    find = _column_features if layers[0].name == SCORE else _level_features
    features = find(network, images, chosen, should_stop)
    kernel, bias = logistic_regression(features, answers, factors[answers], len(factors))
    # Level by level, a layer of its own sharpens.
    sharpness = SHARPNESS if layers[0].name == SCORE else 1.0
    start = 0
    for layer in layers:
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


def _column_features(
    network: Any,
    images: list[Floats],
    chosen: list[npt.NDArray[np.bool_]],
    should_stop: ShouldStop | None,
) -> Floats:
    """Set the normalisation of the joined levels and return chosen pixels after it."""
    normalisation = network.get_layer(NORMALISATION)
    moments, features = _Moments(normalisation.input.shape[-1]), []
    extracted = _extract(network, [normalisation.input], images, should_stop)
    for (padded,), where in zip(extracted, chosen, strict=True):
        column = crop(padded, where.shape)
        moments.add(column)
        features.append(column[where])
    variance = moments.variance
    # A feature that hardly ever responds must not become the loudest.
    variance = variance + _FLOOR * variance.mean() + 1e-6
    _assign(normalisation, moments.mean, variance)
    gain: Floats = keras.ops.convert_to_numpy(normalisation.gamma)
    standard = _standardised(np.concatenate(features), normalisation, moments.mean, variance)
    return standard * gain


def _level_features(
    network: Any,
    images: list[Floats],
    chosen: list[npt.NDArray[np.bool_]],
    should_stop: ShouldStop | None,
) -> Floats:
    """Set both normalisations of each level and return the levels of chosen pixels, joined."""
    names = [layer.name.removeprefix("hyper_") for layer in classifier(network)]
    strides = [stride for _, stride in summed_levels(network)]
    loudness = [network.get_layer(f"{name}{LOUDNESS}") for name in names]
    standard = [network.get_layer(f"{name}{STANDARD}") for name in names]

    sizes = [_Moments(layer.input.shape[-1]) for layer in loudness]
    for levels in _extract(network, [layer.input for layer in loudness], images, should_stop):
        for size, level in zip(sizes, levels, strict=True):
            size.add(np.abs(level))
    for layer, size in zip(loudness, sizes, strict=True):
        silent = _FLOOR * size.mean.mean()
        _assign(layer, np.zeros_like(size.mean), np.square(size.mean + silent))

    moments = [_Moments(layer.input.shape[-1]) for layer in standard]
    features: list[list[Floats]] = [[] for _ in names]
    extracted = _extract(network, [layer.input for layer in standard], images, should_stop)
    for levels, where in zip(extracted, chosen, strict=True):
        rows, columns = np.nonzero(pad_constant(where, False))
        for index, (level, stride) in enumerate(zip(levels, strides, strict=True)):
            moments[index].add(level)
            taps = Taps.at(rows, columns, level.shape[:2], stride)
            features[index].append(taps.apply(level))
    joined = []
    for layer, moment, parts in zip(standard, moments, features, strict=True):
        variance = moment.variance + _FLOOR * moment.variance.mean() + 1e-6
        _assign(layer, moment.mean, variance)
        gain = keras.ops.convert_to_numpy(layer.gamma)
        joined.append(_standardised(np.concatenate(parts), layer, moment.mean, variance) * gain)
    return np.concatenate(joined, axis=1)


def _extract(
    network: Any, tensors: list[Any], images: list[Floats], should_stop: ShouldStop | None
) -> Iterator[list[Floats]]:
    """Iterate over the images' padded values of some of a network's tensors."""
    extractor = keras.Model(network.input, tensors)
    extractor.jit_compile = False
    for image in images:
        if should_stop is not None and should_stop():
            raise Cancelled
        found = extractor.predict_on_batch(pad_image(image)[np.newaxis])
        yield [keras.ops.convert_to_numpy(values)[0] for values in as_list(found)]


class _Moments:
    """Mean and variance of each channel, added up some rows at a time."""

    def __init__(self, width: int) -> None:
        self._sums, self._squares, self._count = np.zeros(width), np.zeros(width), 0

    def add(self, values: Floats) -> None:
        flat = values.reshape(-1, values.shape[-1])
        for start in range(0, len(flat), _ROWS_AT_ONCE):
            part = flat[start : start + _ROWS_AT_ONCE].astype(np.float64)
            self._sums += part.sum(axis=0)
            self._squares += np.square(part, out=part).sum(axis=0)
        self._count += len(flat)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        return self._sums / self._count

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        return np.maximum(self._squares / self._count - self.mean**2, 0)


def _assign(layer: Any, mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]) -> None:
    layer.moving_mean.assign(mean.astype(np.float32))
    layer.moving_variance.assign(variance.astype(np.float32))


def _standardised(
    features: Floats,
    layer: Any,
    mean: npt.NDArray[np.float64],
    variance: npt.NDArray[np.float64],
) -> Floats:
    deviation = np.sqrt(variance + layer.epsilon)
    standard: Floats = (features - mean.astype(np.float32)) / deviation.astype(np.float32)
    return standard


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

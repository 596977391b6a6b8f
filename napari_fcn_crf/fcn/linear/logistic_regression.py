"""Logistic regression, multinomial with an L2 penalty: the one solution, from any start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, get_blas_funcs
from scipy.optimize import minimize

Floats = npt.NDArray[np.floating]

PENALTY = 0.001
"""Weight of half the squared coefficients beside the mean cross-entropy."""

_NEWTON_AT_MOST = 800
"""Unknowns up to which a sampled Hessian is worth its cost."""

_STEPS = 50
_HALVINGS = 10
_DIRECTIONS = 40
_LARGEST_GRADIENT = 1e-7
_NEARLY = 1e-6
_ROUNDING = 1e-7
_SAMPLED_PIXELS = 1024
# From a start far off, the first tells little of where it ends.
_SAMPLED_AT = (0, 2, 5)
_ROUNDS = 200
# A constant added to all intercepts changes nothing; of all solutions this picks one.
_INTERCEPT_PENALTY = 1e-7
# So that rounding does not make the Hessian indefinite there; steps end where they would anyway.
_DAMPING = 1e-5


@dataclass(frozen=True)
class Linear:
    """Scores that are linear in the features.

    Parameters
    ----------
    coefficients : array of float32, shape `(n_features, n_classes)`
    intercepts : array of float32, shape `(n_classes,)`
    """

    coefficients: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    @property
    def n_classes(self) -> int:
        """How many classes are scored."""
        return len(self.intercepts)


def logistic_regression(
    features: Floats,
    classes: npt.NDArray[np.integer],
    weights: Floats,
    n_classes: int,
    penalty: float,
    start: Linear | None = None,
) -> Linear:
    """Return the most probable linear scores of some pixels' classes.

    Parameters
    ----------
    features : array, shape `(n_pixels, n_features)`
    classes : array of int, shape `(n_pixels,)`
    weights : array, shape `(n_pixels,)`
        How much each pixel counts.
    n_classes : int
    penalty : float
        Of half the squared coefficients, beside the mean cross-entropy.
    start : Linear, optional
        Where to search from, such as the solution before the last stroke: it is found sooner, and
        is the same. One of other features or classes is left alone.

    Notes
    -----
    Minimises `-sum_i w_i log p_i(c_i) / sum_i w_i + penalty |coefficients|^2 / 2`, which is convex:
    by Newton's method where that has few unknowns, and else by L-BFGS. Each step of Newton's is
    found by conjugate gradients, with the Hessian of some of the pixels in front of them: the
    whole one takes ten times as long as all the rest.
    """
    width = features.shape[1]
    unknowns = np.zeros((width + 1, n_classes))
    if start is not None and start.coefficients.shape == (width, n_classes):
        unknowns[:width], unknowns[width] = start.coefficients, start.intercepts
    problem = _Problem(features, classes, weights, n_classes, penalty)
    solve = _newton if unknowns.size <= _NEWTON_AT_MOST else _lbfgs
    found = solve(problem, unknowns).astype(np.float32)
    return Linear(found[:width], found[width])


class _Problem:
    """The loss and its derivatives; an intercept is the coefficient of a feature that is 1."""

    def __init__(
        self,
        features: Floats,
        classes: npt.NDArray[np.integer],
        weights: Floats,
        n_classes: int,
        penalty: float,
    ) -> None:
        n_pixels, width = features.shape
        ones = np.ones((n_pixels, 1), features.dtype)
        self.features = np.concatenate([features, ones], axis=1)
        self.weights = (weights / weights.sum()).astype(features.dtype)
        self.rows, self.classes = np.arange(n_pixels), classes
        self.n_classes = n_classes
        self.penalties = np.full((width + 1, 1), penalty)
        self.penalties[width] = _INTERCEPT_PENALTY

    def loss(
        self, unknowns: npt.NDArray[np.float64]
    ) -> tuple[float, npt.NDArray[np.float64], Floats]:
        """Return the loss, its gradient, and each pixel's probabilities."""
        scores = self.features @ unknowns.astype(self.features.dtype)
        scores -= scores.max(axis=1, keepdims=True)
        probabilities = np.exp(scores)
        total = probabilities.sum(axis=1, keepdims=True)
        probabilities /= total
        right = (scores - np.log(total))[self.rows, self.classes]
        residual = probabilities.copy()
        residual[self.rows, self.classes] -= 1
        residual *= self.weights[:, np.newaxis]
        value = -float(self.weights @ right) + 0.5 * float((self.penalties * unknowns**2).sum())
        gradient = (self.features.T @ residual).astype(np.float64) + self.penalties * unknowns
        return value, gradient, probabilities

    def curved(self, probabilities: Floats, direction: Floats) -> Floats:
        """Return the product of the second derivatives, at these probabilities, and a direction."""
        scores = self.features @ direction
        scores -= (probabilities * scores).sum(axis=1, keepdims=True)
        scores *= probabilities
        scores *= self.weights[:, np.newaxis]
        product: Floats = self.features.T @ scores
        product += self.penalties * direction
        return product

    def sampled_hessian(self, probabilities: Floats) -> Floats:
        """Return about the second derivatives, of some pixels; unknowns in order of class, feature.

        A constant added to all classes' scores changes no probability, so a row's blocks sum to the
        penalties, and those on the diagonal follow from the others.
        """
        step = max(1, len(self.weights) // _SAMPLED_PIXELS)
        features, likely = self.features[::step], probabilities[::step]
        weights = self.weights[::step] / self.weights[::step].sum()
        (square,) = get_blas_funcs(("syrk",), (features,))
        width, n_classes = len(self.penalties), self.n_classes
        found = np.zeros((n_classes, width, n_classes, width), features.dtype)
        for one in range(n_classes):
            for other in range(one + 1, n_classes):
                shares = np.sqrt(weights * likely[:, one] * likely[:, other])
                upper = square(1.0, (features * shares[:, np.newaxis]).T)
                block = upper + np.triu(upper, 1).T
                found[one, :, other] -= block
                found[other, :, one] -= block
                found[one, :, one] += block
                found[other, :, other] += block
        flat = found.reshape(n_classes * width, n_classes * width)
        flat[np.diag_indices_from(flat)] += np.tile(self.penalties[:, 0], n_classes) + _DAMPING
        return flat


def _newton(problem: _Problem, unknowns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take Newton's steps, each found by conjugate gradients.

    References
    ----------
    Nocedal and Wright, "Numerical optimization", 2nd edition, 2006, algorithm 7.1,
    https://doi.org/10.1007/978-0-387-40065-5
    """
    loss, gradient, probabilities = problem.loss(unknowns)
    largest = np.abs(gradient).max()
    for number in range(_STEPS):
        if largest < _LARGEST_GRADIENT:
            break
        if number in _SAMPLED_AT:
            sampled = problem.sampled_hessian(probabilities)
            factors = cho_factor(sampled, overwrite_a=True, check_finite=False)
        step = _newton_step(problem, probabilities, gradient, factors)
        for _ in range(_HALVINGS):
            tried = problem.loss(unknowns - step)
            if tried[0] <= loss + _ROUNDING * abs(loss):
                break
            step /= 2
        else:
            break
        before, largest = largest, np.abs(tried[1]).max()
        if before < _NEARLY and largest >= before:
            break  # as small as single precision can tell
        unknowns = unknowns - step
        loss, gradient, probabilities = tried
    return unknowns


def _newton_step(
    problem: _Problem, probabilities: Floats, gradient: npt.NDArray[np.float64], factors: Any
) -> npt.NDArray[np.float64]:
    """Return about the gradient divided by the second derivatives; factors are about theirs."""

    def divided(values: Floats) -> Floats:
        solved = cho_solve(factors, values.T.ravel(), check_finite=False)
        return np.ascontiguousarray(solved.reshape(problem.n_classes, -1).T)

    rest = gradient.astype(problem.features.dtype)
    found = np.zeros_like(rest)
    direction = near = divided(rest)
    product = np.vdot(rest, near)
    size = np.linalg.norm(rest)
    # The nearer the end, the better a step is worth finding.
    wanted = size * min(0.1, math.sqrt(np.abs(gradient).max()))
    for _ in range(_DIRECTIONS):
        curved = problem.curved(probabilities, direction)
        length = product / np.vdot(direction, curved)
        found += length * direction
        rest -= length * curved
        if np.linalg.norm(rest) <= wanted:
            break
        near = divided(rest)
        product, before = np.vdot(rest, near), product
        direction = near + (product / before) * direction
    return found.astype(np.float64)


def _lbfgs(problem: _Problem, unknowns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shape = unknowns.shape

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        value, gradient, _ = problem.loss(flat.reshape(shape))
        return value, gradient.ravel()

    found = minimize(
        loss, unknowns.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}
    )
    solution: npt.NDArray[np.float64] = found.x.reshape(shape)
    return solution

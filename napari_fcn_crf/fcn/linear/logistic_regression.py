"""Logistic regression, multinomial with an L2 penalty: the one solution, from any start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Floats = npt.NDArray[np.floating]

PENALTY = 0.001
"""Weight of half the squared coefficients beside the mean cross-entropy."""

_NEWTON_AT_MOST = 800
"""Unknowns up to which a step by the Hessian is worth its cost."""

_STEPS = 50
_HALVINGS = 30
_LARGEST_GRADIENT = 1e-7
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
    by Newton's method where that has few unknowns, and else by L-BFGS.
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

    def hessian(self, probabilities: Floats) -> npt.NDArray[np.float64]:
        """Return the second derivatives; unknowns in the order of class, feature."""
        width, n_classes = len(self.penalties), self.n_classes
        found = np.empty((n_classes, width, n_classes, width))
        for one in range(n_classes):
            for other in range(one, n_classes):
                shared = float(one == other) - probabilities[:, other]
                shares = (self.weights * probabilities[:, one] * shared)[:, np.newaxis]
                block = self.features.T @ (self.features * shares)
                found[one, :, other] = block
                found[other, :, one] = block.T
        flat = found.reshape(n_classes * width, n_classes * width)
        flat[np.diag_indices_from(flat)] += np.tile(self.penalties[:, 0], n_classes) + _DAMPING
        return flat


def _newton(problem: _Problem, unknowns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    loss, gradient, probabilities = problem.loss(unknowns)
    for _ in range(_STEPS):
        if np.abs(gradient).max() < _LARGEST_GRADIENT:
            break
        factors = cho_factor(problem.hessian(probabilities), overwrite_a=True, check_finite=False)
        step = cho_solve(factors, gradient.T.ravel(), check_finite=False)
        step = step.reshape(problem.n_classes, -1).T
        for _ in range(_HALVINGS):
            tried = problem.loss(unknowns - step)
            if tried[0] < loss:
                break
            step /= 2
        else:
            break  # as small as single precision can tell
        unknowns = unknowns - step
        loss, gradient, probabilities = tried
    return unknowns


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

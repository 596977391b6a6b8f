"""CRF parameters that reproduce held-out annotation best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.strokes import near, stroke_folds

N_FOLDS = 3
HIDDEN_WITHIN_PX = 12.0
"""Around a held-out stroke the probabilities say nothing: the network has seen that stroke."""

RANGES = {
    "gaussian_sigma_px": (1.0, 20.0),
    "gaussian_weight": (0.5, 15.0),
    "bilateral_sigma_px": (8.0, 120.0),
    "bilateral_sigma_intensity": (4.0, 60.0),
    "bilateral_weight": (1.0, 40.0),
}
"""What is searched, each on a logarithmic scale."""

_PRIOR_STRENGTH = 0.004
_LEAST_GAIN = 0.005

OnTrial = Callable[[float, float, float], None]


@dataclass(frozen=True)
class TuningResult:
    """What tuning found.

    Parameters
    ----------
    settings : CRFSettings
        The ones started from, unless others are clearly better.
    score_before, score_after : float
        Mean probability that the CRF gives held-out pixels' true class, averaged over the classes,
        with the first settings and with the found ones.
    trials : int
        How many settings were tried.
    """

    settings: CRFSettings
    score_before: float
    score_after: float
    trials: int


def tune(
    image: npt.NDArray[Any],
    probabilities: npt.NDArray[np.floating],
    annotated: npt.NDArray[np.integer],
    settings: CRFSettings | None = None,
    *,
    budget_s: float = 20.0,
    seed: int = 0,
    on_trial: OnTrial | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TuningResult:
    """Search the CRF parameters under which held-out strokes are found from their surroundings.

    Parameters
    ----------
    image : array, shape `(rows, columns, channels)`
        On the 0-255 scale.
    probabilities : array, shape `(n_classes, rows, columns)`
    annotated : array of int, shape `(rows, columns)`
        Class index of each annotated pixel; negative where there is none.
    settings : CRFSettings, optional
        Where the search starts; also what the result falls back to.
    budget_s : float
        Seconds after which no further settings are tried.
    seed : int
        Of the folds and the search.
    on_trial : callable, optional
        Called with the seconds used, the budget, and the best score so far.
    should_stop : callable, optional
        Asked before each trial; true ends the search with the best so far.

    Returns
    -------
    TuningResult

    Raises
    ------
    ValueError
        If fewer than two classes are annotated.

    Notes
    -----
    Strokes are dealt out to three folds. For each fold the probabilities within 12 px of its
    strokes are replaced by a uniform distribution, for the network was trained on those pixels and
    would vouch for any parameters; the CRF must then fill the hole from around it, across edges or
    not. The score is the mean probability of the true class there, each class counting alike, less
    a small penalty for each octave away from the first settings, without which few strokes would
    be fitted by extreme values. Settings that gain less than 0.005 are not worth it.

    References
    ----------
    Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization", NIPS 2011
    (the tree-structured Parzen estimator that optuna samples by).
    """
    settings = settings or CRFSettings()
    annotated = np.asarray(annotated)
    if len(np.unique(annotated[annotated >= 0])) < 2:
        raise ValueError(
            "Tuning needs annotated pixels of at least two classes. Paint some strokes of each "
            "class, or refine with the settings as they are."
        )
    held_out = _HeldOut(image, probabilities, annotated, settings, seed)
    search = _Search(held_out, settings, seed)
    started = time.monotonic()
    while time.monotonic() - started < budget_s:
        if should_stop is not None and should_stop():
            break
        search.try_next()
        if on_trial is not None:
            used = min(time.monotonic() - started, budget_s)
            on_trial(used, budget_s, search.best_score)
    return search.result()


class _HeldOut:
    """Scores settings by the strokes of each fold, seen from around them."""

    def __init__(
        self,
        image: npt.NDArray[Any],
        probabilities: npt.NDArray[np.floating],
        annotated: npt.NDArray[np.integer],
        settings: CRFSettings,
        seed: int,
    ) -> None:
        self._crf = DenseCRF(image, settings)
        self._annotated = annotated
        self._folds = stroke_folds(annotated, N_FOLDS, seed)
        self._unaries = []
        for fold in range(N_FOLDS):
            hidden = near(self._folds == fold, HIDDEN_WITHIN_PX)
            uniform = np.float32(1 / len(probabilities))
            self._unaries.append(np.where(hidden, uniform, probabilities).astype(np.float32))

    def score(self, settings: CRFSettings) -> float:
        """Return the mean probability of the true class, each class counting alike."""
        given = np.zeros(self._annotated.shape, np.float32)
        for fold, unary in enumerate(self._unaries):
            inside = self._folds == fold
            marginals = self._crf.infer(unary, settings)
            true_class = np.maximum(self._annotated, 0)[None]
            given[inside] = np.take_along_axis(marginals, true_class, axis=0)[0][inside]
        classes = np.unique(self._annotated[self._annotated >= 0])
        return float(np.mean([given[self._annotated == value].mean() for value in classes]))


class _Search:
    """Optuna's sampler over `RANGES`, started at known settings."""

    def __init__(self, held_out: _HeldOut, start: CRFSettings, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._held_out = held_out
        self._start = start
        self._distributions = {
            name: optuna.distributions.FloatDistribution(low, high, log=True)
            for name, (low, high) in RANGES.items()
        }
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False)
        )
        self.score_before = held_out.score(start)
        self.best_score = self.score_before
        self._best_value = self.score_before
        self._best = start
        self._trials = 0

    def try_next(self) -> None:
        """Score one more set of parameters."""
        trial = self._study.ask(self._distributions)
        settings = replace(self._start, **trial.params)
        score = self._held_out.score(settings)
        value = score - _PRIOR_STRENGTH * self._octaves_away(settings)
        self._study.tell(trial, value)
        self._trials += 1
        if value > self._best_value + _LEAST_GAIN * (self._best is self._start):
            self._best, self._best_value, self.best_score = settings, value, score

    def result(self) -> TuningResult:
        """Return the best settings so far."""
        return TuningResult(self._best, self.score_before, self.best_score, self._trials)

    def _octaves_away(self, settings: CRFSettings) -> float:
        return float(
            sum(
                abs(np.log2(getattr(settings, name) / max(getattr(self._start, name), 1e-3)))
                for name in RANGES
            )
        )

"""The CRF's edge sensitivity that reproduces held-out annotation best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.gain import Gain
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.strokes import near, stroke_folds, stroke_numbers

N_FOLDS = 3
HIDDEN_WITHIN_PX = 12.0
"""Around a held-out stroke the probabilities say nothing: the network has seen that stroke."""

FACTORS = (1 / 2, 2.0, 1 / 4, 4.0)
"""What the first edge sensitivity, θβ, is multiplied by, in this order."""

OnTrial = Callable[[float, float, float], None]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TuningResult:
    """What tuning found.

    Parameters
    ----------
    settings : CRFSettings
        The ones started from, unless others are clearly better.
    score_before, score_after : float
        Of held-out strokes with the first settings and with the found ones; 1 is perfect.
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
    """Choose the edge sensitivity under which held-out strokes are found from their surroundings.

    Parameters
    ----------
    image : array, shape `(rows, columns, channels)`
        On the 0-255 scale.
    probabilities : array, shape `(n_classes, rows, columns)`
    annotated : array of int, shape `(rows, columns)`
        Class index of each annotated pixel; negative where there is none.
    settings : CRFSettings, optional
        What others are compared with, and what stays unless one of them is better.
    budget_s : float
        Seconds after which no further settings are tried.
    seed : int
        Of the folds.
    on_trial : callable, optional
        Called with the seconds used, the budget, and the best score so far.
    should_stop : callable, optional
        Asked before each trial; true ends it with the best so far.

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
    not. A stroke's score is 1 - Σ_c (q(c) - [c is true])² / 2, averaged over its pixels: a proper
    score, under which a message that is sure and wrong costs more than one that is unsure.

    A quarter, half, twice and four times the first edge sensitivity are tried. What is compared
    are the gains over the first settings, stroke by stroke, in the mean over strokes of a class and
    then over classes. If no settings' gain is above 0 with a confidence of 99 % for all of them
    together (Student's t, with Bonferroni's correction), the first ones stay. So they do where all
    strokes are found already, and where strokes disagree. Of several settings whose gain is, those
    nearest to the first ones are taken that gain no less than the best less one standard error.

    Only the edge sensitivity is tried. Strengths weigh messages against probabilities, and in
    the hole there are none to weigh against; the best radii would be the hole's own.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3
    (the rule of one standard error).

    Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102,
    2007, https://doi.org/10.1198/016214506000001437

    Dunn, "Multiple comparisons among means", JASA 56, 1961,
    https://doi.org/10.1080/01621459.1961.10482090
    """
    settings = settings or CRFSettings()
    annotated = np.asarray(annotated)
    if len(np.unique(annotated[annotated >= 0])) < 2:
        raise ValueError(
            "Tuning needs annotated pixels of at least two classes. Paint some strokes of each "
            "class, or refine with the settings as they are."
        )
    held_out = HeldOut(image, probabilities, annotated, settings, seed)
    scores_before = held_out.scores(settings)
    before = _Trial(settings, 0.0, float(held_out.weights @ scores_before), None)
    trials: list[_Trial] = []
    started = time.monotonic()
    for factor in FACTORS:
        if time.monotonic() - started >= budget_s or (should_stop is not None and should_stop()):
            break
        trials.append(_try(held_out, settings, scores_before, factor))
        if on_trial is not None:
            used = min(time.monotonic() - started, budget_s)
            on_trial(used, budget_s, _best(before, trials).score)
    best = _best(before, trials)
    return TuningResult(best.settings, before.score, best.score, len(trials))


class HeldOut:
    """Scores settings by the strokes of each fold, seen from around them; arguments as `tune`'s."""

    def __init__(
        self,
        image: npt.NDArray[Any],
        probabilities: npt.NDArray[np.floating],
        annotated: npt.NDArray[np.integer],
        settings: CRFSettings,
        seed: int,
    ) -> None:
        self._crf = DenseCRF(image, settings)
        strokes = stroke_numbers(annotated, N_FOLDS)
        self._inside = strokes >= 0
        self._stroke_of = strokes[self._inside]
        self._true = annotated[self._inside]
        self._folds = stroke_folds(annotated, N_FOLDS, seed)
        self._unaries = []
        for fold in range(N_FOLDS):
            hidden = near(self._folds == fold, HIDDEN_WITHIN_PX)
            uniform = np.float32(1 / len(probabilities))
            self._unaries.append(np.where(hidden, uniform, probabilities).astype(np.float32))
        first_pixels = np.unique(self._stroke_of, return_index=True)[1]
        classes, class_of = np.unique(self._true[first_pixels], return_inverse=True)
        self.weights: Floats = 1 / (len(classes) * np.bincount(class_of)[class_of])

    def scores(self, settings: CRFSettings) -> Floats:
        """Return each stroke's score; `weights` are what they count with."""
        given = np.empty((len(self._true), len(self._unaries[0])), np.float32)
        for fold, unary in enumerate(self._unaries):
            here = self._folds[self._inside] == fold
            if here.any():
                marginals = self._crf.infer(unary, settings)
                given[here] = marginals[:, self._folds == fold].T
        given[np.arange(len(given)), self._true] -= 1
        lost = np.square(given, dtype=np.float64).sum(axis=1) / 2
        return 1 - np.bincount(self._stroke_of, lost) / np.bincount(self._stroke_of)


@dataclass(frozen=True)
class _Trial:
    """Settings: how many octaves away they are, what they score, and what they gain."""

    settings: CRFSettings
    octaves: float
    score: float
    gain: Gain | None


def _try(held_out: HeldOut, start: CRFSettings, scores_before: Floats, factor: float) -> _Trial:
    settings = replace(start, bilateral_sigma_intensity=start.bilateral_sigma_intensity * factor)
    scores = held_out.scores(settings)
    # Corrected for all that may be tried: the budget has no influence on what counts as a gain.
    gain = Gain.of(scores - scores_before, held_out.weights, comparisons=len(FACTORS))
    octaves = abs(float(np.log2(factor)))
    return _Trial(settings, octaves, float(held_out.weights @ scores), gain)


def _best(before: _Trial, trials: list[_Trial]) -> _Trial:
    """Return the trial nearest to the start of those that gain no less than the best, or none."""
    better = [(trial, trial.gain) for trial in trials if trial.gain and trial.gain.least > 0]
    if not better:
        return before
    best = max((gain for _, gain in better), key=lambda gain: gain.least)
    enough = [trial for trial, gain in better if gain.mean >= best.mean - best.error]
    return min(enough, key=lambda trial: trial.octaves)

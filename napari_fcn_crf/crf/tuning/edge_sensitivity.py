"""Edge sensitivity of the CRF that reproduces held-out annotation best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.crf.tuning.gain import CONFIDENCE, Gain, chances
from napari_fcn_crf.data.strokes import near, stroke_folds, stroke_numbers
from napari_fcn_crf.settings import CRFSettings

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
    then over classes. If none is a gain with a confidence of 99 % for all of them together (see
    `gain.chances`), the first ones stay. So they do where all strokes are found already, where
    strokes disagree, and where there are fewer than seven. Of several settings that gain, those
    nearest to the first ones are taken that gain no less than the best less one standard error.

    Only the edge sensitivity is tried. Strengths weigh messages against probabilities, and in
    the hole there are none to weigh against; the best radii would be the hole's own.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3
    (the rule of one standard error).

    Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102,
    2007, https://doi.org/10.1198/016214506000001437
    """
    settings = settings or CRFSettings()
    annotated = np.asarray(annotated)
    if len(np.unique(annotated[annotated >= 0])) < 2:
        raise ValueError(
            "Tuning needs annotated pixels of at least two classes. Paint some strokes of each "
            "class, or refine with the settings as they are."
        )
    held_out = HeldOut(image, probabilities, annotated, settings, seed)
    search = _Search(held_out, settings)
    started = time.monotonic()
    for factor in FACTORS:
        if time.monotonic() - started >= budget_s or (should_stop is not None and should_stop()):
            break
        search.try_factor(factor)
        if on_trial is not None:
            used = min(time.monotonic() - started, budget_s)
            on_trial(used, budget_s, search.result().score_after)
    return search.result()


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


class _Search:
    """The settings started from, and those tried so far."""

    def __init__(self, held_out: HeldOut, start: CRFSettings) -> None:
        self._held_out = held_out
        self._start = start
        self._before = held_out.scores(start)
        self._tried: list[CRFSettings] = []
        self._octaves: list[float] = []
        self._gains: list[Floats] = []

    def try_factor(self, factor: float) -> None:
        """Score one more edge sensitivity."""
        sigma = self._start.bilateral_sigma_intensity * factor
        settings = replace(self._start, bilateral_sigma_intensity=sigma)
        self._gains.append(self._held_out.scores(settings) - self._before)
        self._octaves.append(abs(float(np.log2(factor))))
        self._tried.append(settings)

    def result(self) -> TuningResult:
        """Return what the search would end with now."""
        weights = self._held_out.weights
        before = float(weights @ self._before)
        k = chosen(np.array(self._gains), weights, self._octaves)
        if k is None:
            return TuningResult(self._start, before, before, len(self._tried))
        after = before + float(weights @ self._gains[k])
        return TuningResult(self._tried[k], before, after, len(self._tried))


def chosen(gains: Floats, weights: Floats, octaves: Sequence[float]) -> int | None:
    """Return which settings gain as good as most, and are nearest; None if none gains.

    Parameters
    ----------
    gains : array of float, shape `(settings, strokes)`
    weights : array of float, shape `(strokes,)`
    octaves : how far each of the settings is away
    """
    if not len(gains):
        return None
    better = np.flatnonzero(chances(gains, weights) <= 1 - CONFIDENCE)
    found = {int(k): Gain.of(gains[k], weights) for k in better}
    if not found:
        return None
    best = max(found.values(), key=lambda gain: gain.mean)
    enough = [k for k, gain in found.items() if gain.mean >= best.mean - best.error]
    return min(enough, key=lambda k: octaves[k])

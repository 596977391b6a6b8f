"""Classifier of strokes: solved anew with each of them, from where it was before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.linear.logistic_regression import PENALTY, Linear, logistic_regression
from napari_fcn_crf.fcn.linear.moments import Kept, Moments, Standard
from napari_fcn_crf.fcn.training.loss import balancing_factors
from napari_fcn_crf.settings import ClassWeights
from napari_fcn_crf.threads import one_blas_thread

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Strokes:
    """Annotated pixels of one plane.

    Parameters
    ----------
    features : array of float32, shape `(n_pixels, n_features)`
    classes : array of int, shape `(n_pixels,)`
        Index of each pixel's class.
    moments : Moments
        Of the features of the whole plane.
    """

    features: Floats
    classes: npt.NDArray[np.integer]
    moments: Moments


@dataclass(frozen=True)
class Solution:
    """A classifier that was solved for some strokes.

    Parameters
    ----------
    class_values : tuple of int
        The label of each class.
    standardised : Linear
        Of standardised features.
    standard : Standard
    sharpness : float
    """

    class_values: tuple[int, ...]
    standardised: Linear
    standard: Standard
    sharpness: float

    @property
    def of_features(self) -> Linear:
        """The same classifier, of the features as they are kept."""
        return self.standard.folded(self.standardised, self.sharpness)


class StrokeClassifier:
    """Solves for the strokes of any number of planes; the last solution is where it begins.

    Parameters
    ----------
    kept : Kept
    class_weights : {"balanced", "none"}
        As in `TrainingSettings`.
    """

    def __init__(self, kept: Kept, class_weights: ClassWeights = "balanced") -> None:
        self._kept = kept
        self._class_weights: ClassWeights = class_weights
        self._last: Solution | None = None

    def solve(self, strokes: list[Strokes], class_values: tuple[int, ...]) -> Solution:
        """Return the classifier of all strokes.

        It is the one that training starts from, whatever was solved before.

        Parameters
        ----------
        strokes : list of Strokes
            At least one pixel of each class.
        class_values : tuple of int
            In ascending order.
        """
        moments = Moments.together(one.moments for one in strokes)
        standard = moments.standard(self._kept.gain, self._kept.epsilon)
        features = standard.apply(np.concatenate([one.features for one in strokes]))
        classes = np.concatenate([one.classes for one in strokes])
        counts = np.bincount(classes, minlength=len(class_values))
        factors = balancing_factors(counts, self._class_weights)
        with one_blas_thread():
            found = logistic_regression(
                features,
                classes,
                factors[classes],
                len(class_values),
                PENALTY,
                self._start(class_values, features.shape[1]),
            )
        self._last = Solution(class_values, found, standard, self._kept.sharpness)
        return self._last

    def _start(self, class_values: tuple[int, ...], width: int) -> Linear | None:
        """Return the last solution, with zeros for classes that are new."""
        last = self._last
        if last is None:
            return None
        start = Linear(
            np.zeros((width, len(class_values)), np.float32),
            np.zeros(len(class_values), np.float32),
        )
        for at, value in enumerate(class_values):
            if value in last.class_values:
                before = last.class_values.index(value)
                start.coefficients[:, at] = last.standardised.coefficients[:, before]
                start.intercepts[at] = last.standardised.intercepts[before]
        return start

"""Validation on annotation that is held out from training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.data.strokes import stroke_folds
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.results.metrics import class_iou

VALIDATION_STEPS = 5
"""Steps between two looks at what is held out; by steps, so that the seed decides the result."""


def hold_out(example: Example, fraction: float, seed: int) -> Example:
    """Hold out whole strokes of each class of an example.

    A class with too few strokes to spare one keeps them all.

    Parameters
    ----------
    example : Example
    fraction : float
        Share of each class's strokes, above 0 and at most 0.5.
    seed : int
        Of the choice.
    """
    n_folds = round(1 / fraction)
    folds = stroke_folds(example.indices, n_folds, seed)
    # Strokes are dealt from the first fold on, so the last is the one that may get none.
    chosen = folds == n_folds - 1
    return replace(
        example,
        indices=np.where(chosen, IGNORE, example.indices).astype(np.int32),
        held_out=np.where(chosen, example.indices, IGNORE).astype(np.int32),
    )


def held_out_iou(
    predicted: npt.NDArray[np.integer], truth: npt.NDArray[np.int32], n_classes: int
) -> tuple[float, ...]:
    """Return the IoU of each class on what is held out; NaN for a class of which nothing is."""
    iou = class_iou(predicted, truth, n_classes)
    present = np.bincount(truth, minlength=n_classes) > 0
    return tuple(np.where(present, iou, np.nan).tolist())

"""What the steps make and hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels

from napari_fcn_crf.model.card import ModelCard


@dataclass(frozen=True)
class TrainedModel:
    """A model file, which only the compute process loads, and its card."""

    path: Path
    card: ModelCard
    name: str
    is_saved: bool


@dataclass(frozen=True)
class WeightsChoice:
    """A weights file that was checked, and what was found in it."""

    path: Path
    description: str


@dataclass(frozen=True)
class Refined:
    """The last refinement.

    Parameters
    ----------
    image : Image
        What was refined.
    predicted, refined : Labels
        Before and after the CRF.
    differs : array of uint8, shape of the labels
        1 where these differ.
    changed : float
        Fraction of pixels that do.
    areas_before, areas_after : dict
        Fraction of the pixels that each label value covers.
    """

    image: Image
    predicted: Labels
    refined: Labels
    differs: np.ndarray
    changed: float
    areas_before: dict[int, float]
    areas_after: dict[int, float]

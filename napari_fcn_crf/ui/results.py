"""What the steps make and hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari.layers import Labels

from napari_fcn_crf.model import ModelCard


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
    predicted, refined : Labels
        Before and after the CRF.
    changed : float
        Fraction of pixels that differ.
    areas_before, areas_after : dict
        Fraction of the pixels that each label value covers.
    """

    predicted: Labels
    refined: Labels
    changed: float
    areas_before: dict[int, float]
    areas_after: dict[int, float]

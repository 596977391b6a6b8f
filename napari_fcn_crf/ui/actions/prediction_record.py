"""Record of a prediction: with which model it was made, and what was made of an earlier one."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.model import record
from napari_fcn_crf.settings import PredictionSettings
from napari_fcn_crf.ui.session.model_store import TrainedModel

MADE_OF_A_PREDICTION = ("refined", "cleaned", "instances", "uncertainty", "changed")
"""Kinds of layers that are of an earlier one when there is another."""


def prediction_record(model: TrainedModel) -> dict[str, Any]:
    """Return what a run record says of the model and how it predicts; reads its whole file."""
    return {
        "model": model.name,
        "model_sha256": record.file_sha256(model.path),
        "settings": PredictionSettings().to_dict(),
        "training": model.card.training.to_dict(),
    }

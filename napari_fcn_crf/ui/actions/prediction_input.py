"""Prediction input: in a sentence, why an image cannot be predicted with a model."""

from __future__ import annotations

from napari_fcn_crf.pipeline.prediction import check_prediction_picture
from napari_fcn_crf.ui.session.model_store import TrainedModel
from napari_fcn_crf.ui.session.selection import Selection


def prediction_problem(model: TrainedModel, selection: Selection) -> str:
    """Return why the chosen image cannot be predicted; empty if it can."""
    try:
        check_prediction_picture(model.card, selection.picture())
    except (TypeError, ValueError) as error:
        return str(error)
    return ""

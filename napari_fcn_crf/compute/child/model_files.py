"""Task of the compute process that writes a trained model for programs that know nothing of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_fcn_crf.compute.child.tasks import load_model, reporter, stopper
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard


def export_model(task: Any, model_path: str, card: str, path: str) -> dict[str, Any]:
    """Write the model of a file, with another card, as `napari_fcn_crf.export_model` does."""
    from napari_fcn_crf.pipeline import model_export

    model = replace(load_model(task, model_path), card=ModelCard.from_json(card))
    try:
        model_export.export_model(
            model, Path(path), on_progress=reporter(task), should_stop=stopper(task)
        )
    except ImportError as error:
        # It says what to install.
        raise InputError(str(error)) from error
    return {}

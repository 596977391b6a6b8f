"""Which of the models that were trained in a window are kept."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard, optimizer_path
from napari_fcn_crf.settings import TrainingSettings

CARD = ModelCard((1, 2), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())


def trained(session) -> Path:
    """Let a training have written its files."""
    path = session.new_model_path()
    path.touch()
    optimizer_path(path).touch()
    return path


def test_of_the_trained_models_only_the_current_one_is_kept(session, tmp_path):
    first = trained(session)
    session.keep_model(first, CARD, "first.keras", is_saved=False)
    cancelled = trained(session)
    # The next one may go on with the first.
    second = trained(session)
    folder = second.parent
    assert {path for path in folder.iterdir() if path.suffix == ".keras"} == {first, second}
    assert optimizer_path(first).exists()
    assert not optimizer_path(cancelled).exists()

    session.keep_model(second, CARD, "second.keras", is_saved=False)
    opened = tmp_path / "opened.keras"
    opened.touch()
    session.keep_model(opened, CARD, "opened.keras", is_saved=True)
    third = session.new_model_path()
    assert list(folder.iterdir()) == []
    assert opened.exists()
    assert third.parent == folder

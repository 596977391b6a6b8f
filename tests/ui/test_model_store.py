"""Which of the models that were trained in a window are kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from napari_fcn_crf.compute.parent.service import TrainingRequest
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard, optimizer_path
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.actions import network_actions
from tests.ui.conftest import wait_until_idle

CARD = ModelCard((1, 2), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())


def trained(session) -> Path:
    """Let a training have written its files."""
    path = session.models.new_path()
    path.touch()
    optimizer_path(path).touch()
    return path


def test_of_the_trained_models_only_the_current_one_is_kept(session, tmp_path):
    first = trained(session)
    session.models.keep(first, CARD, "first.keras", is_saved=False)
    cancelled = trained(session)
    # The next one may go on with the first.
    second = trained(session)
    folder = second.parent
    assert {path for path in folder.iterdir() if path.suffix == ".keras"} == {first, second}
    assert optimizer_path(first).exists()
    assert not optimizer_path(cancelled).exists()

    session.models.keep(second, CARD, "second.keras", is_saved=False)
    opened = tmp_path / "opened.keras"
    opened.touch()
    session.models.keep(opened, CARD, "opened.keras", is_saved=True)
    third = session.models.new_path()
    assert list(folder.glob("*.keras")) == []
    assert list(folder.glob("*.npz")) == []
    assert opened.exists()
    assert third.parent == folder


def test_a_training_that_is_refused_deletes_no_model(viewer, session, qtbot, two_squares):
    image, labels = two_squares
    viewer.add_image(image)
    viewer.add_labels(labels)
    read_by_other_work = trained(session)
    end = threading.Event()
    session.runner.run("predict", "Predicting", lambda _: end.wait(300), end.set, lambda _: None)
    with pytest.raises(ValueError, match="Predicting is still running"):
        network_actions.train(session, TrainingRequest())
    assert read_by_other_work.exists()
    end.set()
    wait_until_idle(qtbot, session)

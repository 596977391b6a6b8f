"""The dock writes its model for other programs, in the compute process."""

from __future__ import annotations

import json
import zipfile

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import click, wait_until_idle


@pytest.fixture
def step(panel, viewer, session, two_squares, qtbot) -> PredictStep:
    """The step with a model that was solved at once."""
    step = panel.steps[PredictStep]
    assert not step.export_button.button.isEnabled()
    assert "no model" in step.export_button.button.toolTip()
    viewer.add_image(two_squares[0], name="squares")
    viewer.add_labels(two_squares[1], name="strokes")
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    return step


def _answer(monkeypatch, path, chosen) -> list[str]:
    asked: list[str] = []

    def answer(parent, title, suggested, filters):
        asked.extend([suggested, filters])
        return str(path), chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return asked


def test_a_model_is_written_for_other_programs(step, session, qtbot, monkeypatch, tmp_path, notes):
    asked = _answer(monkeypatch, tmp_path / "mine", "bioimage.io package (*.zip)")
    phases = []
    session.runner.progressed.connect(lambda latest: phases.append(latest.phase))
    click(qtbot, step.export_button)
    assert session.runner.activity.kind == "export model"
    wait_until_idle(qtbot, session)
    assert asked[0] == "squares.zip"
    assert "Wrote mine.zip" in notes()[-1]
    assert {"Writing for Keras", "Writing for ONNX"} <= set(phases)
    with zipfile.ZipFile(tmp_path / "mine.zip") as package:
        said = json.loads(package.read("rdf.yaml"))
        assert {one["source"] for one in said["weights"].values()} <= set(package.namelist())
    # What is there already, under the name that nobody typed.
    click(qtbot, step.export_button)
    wait_until_idle(qtbot, session)
    assert "There is a mine.zip already" in notes()[-1]


def test_an_export_is_cancelled(step, session, qtbot, monkeypatch, tmp_path, notes):
    _answer(monkeypatch, tmp_path / "mine.zip", "")

    def cancel(latest):
        if latest.phase == "Writing for Keras":
            session.runner.cancel()

    session.runner.progressed.connect(cancel)
    click(qtbot, step.export_button)
    wait_until_idle(qtbot, session)
    assert "Exporting the model was cancelled." in notes()[-1]
    assert list(tmp_path.iterdir()) == []

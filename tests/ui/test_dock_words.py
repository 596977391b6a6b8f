"""What the dock says where somebody who takes it by hand would have to ask."""

from __future__ import annotations

import warnings

import numpy as np
from qtpy.QtCore import Qt
from skimage.color import lab2rgb

from napari_fcn_crf.ui.sections.picture_choice import PictureChoice
from napari_fcn_crf.ui.session.model_store import TrainedModel
from napari_fcn_crf.ui.session.warning_filter import leave_out_colour_warnings
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.test_export import CARD


def test_of_strokes(viewer, panel, session, qtbot, two_squares):
    """One class is never "Ready", whatever is not counted yet; nothing is previewed at once."""
    step = panel.steps[AnnotateStep]
    viewer.add_image(two_squares[0], name="squares")
    qtbot.wait(20)
    step.new_labels_button.click()
    labels = viewer.layers["squares labels"]
    qtbot.waitUntil(lambda: "labels are empty" in step.verdict.text())
    labels.brush_size = 1
    labels.paint((5, 5), 1)
    qtbot.waitUntil(lambda: "only label 1" in step.verdict.text())
    labels.paint((9, 9), 2)
    assert not session.meaning.counts.is_current
    step.update_controls()
    assert step.verdict.text() == "Counting the labels…"
    qtbot.waitUntil(lambda: "Ready: 2 classes" in step.verdict.text())

    box = panel.steps[TrainStep].preview_box
    assert not box.isEnabled()
    assert "with 0 iterations all is solved at once" in box.toolTip()
    panel.steps[TrainStep].controls.iterations.value = 2
    qtbot.waitUntil(box.isEnabled)
    assert "once a second" in box.toolTip()


def test_of_images(viewer, panel, session, qtbot, tmp_path, monkeypatch):
    """Frames are called so, channels are asked for, and what cannot be predicted is told."""
    predict = panel.steps[PredictStep]
    model = TrainedModel(tmp_path / "a.keras", CARD, "a.keras", False)
    monkeypatch.setattr(type(session.models), "model", property(lambda store: model))
    session.models.model_changed.emit()
    button = predict.predict_button.button
    qtbot.waitUntil(lambda: "or choose a folder" in button.toolTip())
    assert not button.isEnabled()

    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 50), np.uint8)
    movie = viewer.add_image(noise, axis_labels=("t", "y", "x"), name="movie")
    session.selection.choose_image(movie)
    qtbot.waitUntil(lambda: predict.many.extent.itemText(0) == "this image, all 3 frames")
    qtbot.waitUntil(button.isEnabled)

    for name in ("red", "green"):
        viewer.add_image(noise[0], name=name)
    session.selection.choose_image(viewer.layers["green"])
    choice = panel.findChild(PictureChoice)
    qtbot.waitUntil(lambda: choice.channels.count() == 1)
    assert not choice.channels_text.isHidden()
    assert "further channels" in choice.channels_text.text()
    choice.channels.item(0).setCheckState(Qt.CheckState.Checked)
    qtbot.waitUntil(lambda: "this image has 2" in button.toolTip())
    assert not button.isEnabled()


def test_of_controls_that_wait(viewer, panel, session, qtbot, monkeypatch):
    """What is disabled says why: before there is a result, and while there is work."""
    refine = panel.steps[RefineStep]
    buttons = {
        refine.uncertainty.show_button: "Press Predict first.",
        refine.uncertainty.go_button: "Press Predict first.",
        refine.cleanup.split_button: "Press Refine first.",
        refine.export.export_button: "There are no labels yet.",
    }
    for button, reason in buttons.items():
        assert not button.isEnabled()
        assert button.toolTip() == reason


def test_of_colours_nothing():
    """Even where another thread has undone what napari ignores, there is no word of it."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        leave_out_colour_warnings()
        lab2rgb(np.array([[0.0, 100.0, -100.0], [5.0, -90.0, 120.0]])[None])
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert [str(one.message) for one in found] == ["something else"]

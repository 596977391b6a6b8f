"""The dock's own behaviour: what it says, what it folds, what it follows and what it remembers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.panels import LoadWeightsPanel, SegmentPanel, TrainPanel
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import click, wait_until_idle

CARD = ModelCard(
    (3, 7), ("rest", "nucleus"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings()
)


def _press(widget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def shown(make_napari_viewer, two_squares):
    """A window as large as a small laptop's, with an image and strokes."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(two_squares[0], name="squares")
    viewer.add_labels(two_squares[1], name="strokes")
    return viewer


def _dock(viewer, panel, qtbot):
    dock = viewer.window.add_dock_widget(panel, name="FCN-CRF", area="right")
    viewer.window._qt_window.resizeDocks([dock], [380], Qt.Orientation.Horizontal)
    qtbot.wait(200)
    return dock


def _is_in_view(panel, widget) -> bool:
    area = panel.steps_view.viewport()
    top = widget.mapTo(area, QPoint(0, 0)).y()
    return widget.isVisible() and top >= 0 and top + widget.height() <= area.height()


def test_folds_messages_and_buttons_on_a_small_window(shown, qtbot):
    panel, session = SegmentPanel(shown), session_of(shown)
    _dock(shown, panel, qtbot)
    steps = panel.steps
    train, predict, refine = steps[TrainStep], steps[PredictStep], steps[RefineStep]
    qtbot.waitUntil(train.train_button.button.isEnabled)

    # All buttons are in view, though only Segment and the first step are open.
    assert [step.is_folded for step in steps.values()] == [False, False, *[True] * 5]
    for button in (train.train_button, predict.predict_button, refine.refine_button):
        assert _is_in_view(panel, button)
    assert not train.controls.isVisible()
    assert train.heading.summary.text() == "At once, without iterations"
    assert train.train_button.is_next

    # What somebody opens stays open.
    _press(steps[NetworkStep].heading.button)
    assert steps[NetworkStep].choice.isVisible()

    # The step that is under way opens, and the one before folds; its choices are a line.
    session.choices.choose_training(iterations=3)
    qtbot.waitUntil(train.train_button.button.isEnabled)
    _press(train.train_button.button)
    qtbot.waitUntil(lambda: train.controls.isVisible())
    assert steps[AnnotateStep].is_folded
    assert steps[AnnotateStep].heading.summary.text() == "squares, strokes"
    assert not steps[NetworkStep].is_folded
    wait_until_idle(qtbot, session)
    qtbot.waitUntil(lambda: _is_in_view(panel, predict.predict_button))
    _press(predict.predict_button.button)
    wait_until_idle(qtbot, session)
    qtbot.waitUntil(lambda: not predict.is_folded)
    assert train.is_folded
    assert train.heading.summary.text().startswith("Trained for 3 iterations, loss ")
    qtbot.waitUntil(lambda: _is_in_view(panel, refine.refine_button))
    _press(refine.refine_button.button)
    wait_until_idle(qtbot, session)
    qtbot.waitUntil(lambda: not refine.is_folded)

    # Sliders are long enough to be set.
    for control in refine.controls._controls.values():
        assert control.native.sizeHint().width() <= 380
    tune = refine.controls.parentWidget()
    while tune is not None and not hasattr(tune, "expand"):
        tune = tune.parentWidget()
    tune.expand(animate=False)
    qtbot.wait(100)
    assert panel.width() <= 400
    for name in refine.controls.fields:
        assert refine.controls._controls[name].native.width() >= 150

    # A long message is whole, can be copied, and is closed.
    said = "Image and labels must have the same shape, but these have not. " * 4
    tell(said.strip(), "error")
    qtbot.wait(50)
    label = panel.messages.text
    assert label.text() == f"Not done: {said.strip()}"
    assert label.isVisible()
    assert label.height() >= label.heightForWidth(label.width())
    assert label.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    tell("Something else.")
    assert label.text().endswith("\n\nSomething else.")
    _press(panel.messages.close_button)
    assert not panel.messages.isVisible()

    # Another theme, another text on the button; both can be read.
    for theme in ("light", "dark"):
        shown.theme = theme
        session.results.keep_refined(None)
        session.selection.choose_sources(session.selection.sources)
        qtbot.waitUntil(lambda: refine.refine_button.is_next)
        style = refine.refine_button.button.styleSheet()
        assert ("color: #1e1e21" in style) == (theme == "light")


def test_choices_are_one_session_s_and_survive_the_dock(shown, qtbot, user_folder):
    session = session_of(shown)
    train, load = TrainPanel(shown), LoadWeightsPanel(shown)
    dock = _dock(shown, train, qtbot)
    shown.window.add_dock_widget(load, name="Load VGG weights")
    combo = load.steps[NetworkStep].architecture
    combo.setCurrentIndex(combo.findData("fcn8s"))
    other = train.steps[NetworkStep].architecture
    qtbot.waitUntil(lambda: other.currentData() == "fcn8s")
    assert train.steps[TrainStep].settings().architecture == "fcn8s"
    train.steps[TrainStep].controls.iterations.value = 17
    backbone = train.steps[NetworkStep].backbone
    backbone.setCurrentIndex(backbone.findData("vgg16"))
    qtbot.waitUntil(lambda: load.steps[NetworkStep].backbone.currentData() == "vgg16")
    session.meaning.choose_mode("mask")
    session.class_names.name(7, "nucleus")

    # Of a dock that is closed and another one.
    gone = []
    train.destroyed.connect(lambda *_: gone.append(1))
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone))
    again = SegmentPanel(shown)
    _dock(shown, again, qtbot)
    settings = again.steps[TrainStep].settings()
    assert (settings.iterations, settings.architecture) == (17, "fcn8s")
    assert (settings.backbone, settings.weights) == ("vgg16", "random")
    assert again.steps[TrainStep].controls.iterations.value == 17
    controls = again.steps[RefineStep].controls
    controls._controls["gaussian_weight"].value = 4.5
    assert session.choices.crf.gaussian_weight == 4.5
    # What was said of the image's labels is with its layer.
    noted = shown.layers["squares"].metadata["napari_fcn_crf_choices"]
    assert noted == {"class_names": {"7": "nucleus"}, "labels": "strokes", "label_mode": "mask"}
    qtbot.waitUntil((user_folder / "dock.json").exists)


def test_the_next_napari_starts_from_them(make_napari_viewer, qtbot, tmp_path, two_squares):
    from PIL import Image

    Image.fromarray(two_squares[0]).save(tmp_path / "cell.png")
    Image.fromarray(two_squares[1]).save(tmp_path / "cell_labels.png")

    def opened():
        viewer = make_napari_viewer()
        viewer.open(tmp_path / "cell.png", layer_type="image", plugin="napari")
        viewer.open(tmp_path / "cell_labels.png", layer_type="labels", plugin="napari")
        panel = SegmentPanel(viewer)
        viewer.window.add_dock_widget(panel)
        session = session_of(viewer)
        qtbot.waitUntil(lambda: session.meaning.counts.is_current)
        return viewer, panel, session

    viewer, panel, session = opened()
    assert session.meaning.mode == "scribbles"
    session.choices.choose_training(iterations=17)
    panel.steps[RefineStep].controls._controls["gaussian_weight"].value = 4.5
    panel.steps[AnnotateStep].mask_button.click()
    session.class_names.name(7, "nucleus")
    # A model that is not saved when the window is closed.
    path = session.models.new_path()
    path.write_bytes(b"a model")
    session.models.keep(path, CARD, "cell.keras", is_saved=False)
    viewer.close()
    qtbot.wait(50)

    viewer, panel, session = opened()
    assert panel.steps[TrainStep].controls.iterations.value == 17
    assert panel.steps[RefineStep].controls.settings().gaussian_weight == 4.5
    assert session.meaning.mode == "mask"
    assert session.class_names.of(7) == "nucleus"
    assert not panel.recovery.isHidden()
    assert "not saved: cell.keras" in panel.recovery.text.text()
    panel.recovery.open_button.click()
    assert panel.recovery.isHidden()
    model = session.models.model
    assert (model.name, model.card, model.is_saved) == ("cell.keras", CARD, False)
    assert model.path.read_bytes() == b"a model"
    session.models.keep(tmp_path / "other.keras", CARD, "other.keras", is_saved=True)
    viewer.close()
    qtbot.wait(50)

    # It is still not saved; who does not want it says so.
    _, panel, session = opened()
    assert not panel.recovery.isHidden()
    panel.recovery.delete_button.click()
    assert panel.recovery.isHidden()
    assert session.models.unsaved is None
    assert not path.parent.parent.exists() or list(path.parent.parent.glob("*/*.keras")) == []


def test_the_dock_follows_napari_s_list(viewer, panel, session, qtbot, two_squares):
    image, labels = two_squares
    choice, verdict = panel.steps[AnnotateStep].image_choice, panel.steps[AnnotateStep].verdict
    first = viewer.add_image(image, name="first")
    strokes = viewer.add_labels(labels, name="first strokes")
    second = viewer.add_image(image[:50].copy(), name="second")
    selection = session.selection
    # What was opened last is on the screen; labels of another shape cannot lie on it.
    assert selection.image is second
    qtbot.waitUntil(lambda: "'second' is 50 x 64" in verdict.text())
    more = viewer.add_labels(labels[:50].copy(), name="second strokes")
    assert selection.annotation is more
    qtbot.wait(20)
    viewer.layers.selection.active = first
    assert (selection.image, selection.annotation) == (first, strokes)
    qtbot.waitUntil(lambda: choice.currentText() == "first")
    viewer.add_image(np.zeros((2, *image.shape)), name="probabilities of another tool")
    assert selection.image is first
    other = viewer.add_labels(labels.copy(), name="found by another tool")
    assert selection.annotation is strokes
    qtbot.wait(20)
    viewer.layers.selection.active = first
    viewer.layers.selection.active = other
    assert selection.annotation is other

    # Not while it works.
    session.runner.run("test", "Testing", lambda _: None, lambda: None, lambda _: None)
    viewer.layers.selection.active = second
    assert selection.image is first
    wait_until_idle(qtbot, session)
    assert selection.image is first

    # Nor where somebody has said otherwise, until that layer goes.
    index = choice.findText("first")
    choice.setCurrentIndex(index)
    choice.activated.emit(index)
    viewer.layers.selection.active = strokes
    viewer.layers.selection.active = second
    assert selection.image is first
    viewer.layers.remove(first)
    viewer.layers.selection.active = strokes
    viewer.layers.selection.active = second
    assert selection.image is second

    # Strokes that were painted for an image bring it along, and go with it.
    made = panel.steps[AnnotateStep].new_labels_button
    qtbot.waitUntil(made.isEnabled)
    made.click()
    painted = selection.annotation
    third = viewer.add_image(image[:50].copy(), name="third")
    assert selection.image is third
    assert selection.annotation is not painted
    qtbot.wait(20)
    viewer.layers.selection.active = painted
    assert (selection.image, selection.annotation) == (second, painted)


def test_verdict_of_a_folder_and_of_a_large_image(
    viewer, panel, session, qtbot, two_squares, tmp_path, monkeypatch
):
    from PIL import Image
    from qtpy.QtWidgets import QFileDialog

    step = panel.steps[AnnotateStep]
    for name in ("a", "b"):
        Image.fromarray(two_squares[0]).save(tmp_path / f"{name}.png")
        Image.fromarray(two_squares[1]).save(tmp_path / f"{name}_labels.png")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    assert step.verdict.text() == "Open an image, or try File > Open Sample > FCN-CRF."
    step.pairs.folder_button.click()
    expected = "Ready: 2 images in files; in the first 2 classes, 5.9% of the pixels annotated."
    qtbot.waitUntil(lambda: step.verdict.text() == expected)
    assert panel.steps[TrainStep].train_button.button.isEnabled()
    for _ in "ab":
        session.pairs.remove(0)

    viewer.add_image(np.zeros((64, 64), np.uint8), name="large", contrast_limits=(0, 1))
    qtbot.waitUntil(step.new_labels_button.isEnabled)
    seen = []
    viewer.layers.events.inserting.connect(lambda event: seen.append(step.verdict.text()))
    step.new_labels_button.click()
    assert seen == ["Adding an empty labels layer…"]
    assert step.verdict.text() == "Counting the labels…"
    qtbot.waitUntil(lambda: "labels are empty" in step.verdict.text())


def test_classes_are_named_where_a_refinement_is_restricted(viewer, panel, session, two_squares):
    from napari_fcn_crf.ui.viewer import result_layers

    image = viewer.add_image(two_squares[0], name="squares")
    given = np.full((2, 64, 64), 0.5, np.float32)
    session.selection.choose_sources((result_layers.add_probabilities(viewer, image, given, CARD),))
    session.class_names.name(7, "nucleus")
    restriction = panel.steps[RefineStep].restriction
    restriction.update_choices()
    combo = restriction.only_class
    assert [combo.itemText(row) for row in range(combo.count())] == [
        "all",
        "only class 3",
        "only nucleus",
    ]


def test_how_long_a_phase_takes_is_told(viewer, panel, session, qtbot, two_squares):
    import threading

    viewer.add_image(two_squares[0], name="squares")
    end = threading.Event()
    session.runner.run("train", "Training", lambda _: end.wait(300), end.set, lambda _: None)
    status = panel.steps[TrainStep].train_button.status
    qtbot.waitUntil(lambda: re.fullmatch(r"Training: \d+ s", status.text()) is not None)
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)

"""Strokes on a result: offered to be taken as annotation, and taken."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.panels import RefinePanel
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer import result_layers
from tests.ui.conftest import click, wait_until_idle
from tests.ui.mouse import drag

CARD = ModelCard(
    class_values=(3, 7),
    class_names=("class 3", "class 7"),
    channels=1,
    intensity=IntensityMapping((0.0,), (255.0,)),
    training=TrainingSettings(),
)


@pytest.fixture
def step(viewer, session, two_squares, qtbot) -> RefineStep:
    image, labels = two_squares
    layer = viewer.add_image(image, name="squares")
    viewer.add_labels(labels, name="strokes")
    inside = np.full(image.shape, 0.1, np.float32)
    inside[16:48, 16:48] = 0.9
    source = result_layers.add_probabilities(viewer, layer, np.stack([1 - inside, inside]), CARD)
    session.selection.choose_sources((source,))
    panel = RefinePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Refine (CRF)")
    viewer.window._qt_window.resize(1200, 900)
    viewer.window._qt_window.show()
    step = panel.steps[RefineStep]
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, session)
    return step


def test_strokes_on_a_result_become_annotation(step, viewer, session, qtbot, notes, two_squares):
    refined, strokes = viewer.layers["squares refined"], viewer.layers["strokes"]
    before = refined.data.copy()
    assert step.offer.isHidden()
    viewer.layers.selection.active = refined
    refined.mode, refined.selected_label, refined.brush_size = "paint", 3, 3
    drag(viewer, qtbot, (24, 20), (24, 40))
    refined.selected_label = 7
    drag(viewer, qtbot, (56, 20), (56, 40))
    drag(viewer, qtbot, (52, 20), (52, 40))
    refined.undo()
    painted = refined.data.copy()
    assert (painted != before).sum() > 60
    qtbot.waitUntil(lambda: not step.offer.isHidden())
    assert "squares refined" in step.offer.text.text()
    assert len([note for note in notes() if "You painted on 'squares refined'" in note]) == 1

    step.offer.take_button.click()
    expected = np.where(painted != before, painted, two_squares[1])
    np.testing.assert_array_equal(strokes.data, expected)
    np.testing.assert_array_equal(refined.data, before)
    assert viewer.layers.selection.active is strokes
    qtbot.waitUntil(lambda: step.offer.isHidden())
    strokes.undo()
    np.testing.assert_array_equal(strokes.data, two_squares[1])
    # It is what it was, so the next one replaces it.
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, session)
    assert viewer.layers["squares refined"] is refined


def test_without_annotation_one_is_made(step, viewer, session, qtbot):
    viewer.layers.remove("strokes")
    refined = viewer.layers["squares refined"]
    refined.brush_size = 3
    refined.paint((24, 30), 3)
    qtbot.waitUntil(lambda: not step.offer.isHidden())
    step.offer.take_button.click()
    labels = viewer.layers["squares labels"]
    assert session.selection.annotation is labels
    assert (labels.data == 3).sum() == (labels.data != 0).sum() > 4


def test_what_is_left_is_kept(step, viewer, session, qtbot):
    refined = viewer.layers["squares refined"]
    refined.paint((24, 30), 3)
    qtbot.waitUntil(lambda: not step.offer.isHidden())
    step.offer.leave_button.click()
    qtbot.waitUntil(lambda: step.offer.isHidden())
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, session)
    assert refined in viewer.layers
    assert refined.data[24, 30] == 3
    assert not refined.visible
    assert viewer.layers["squares refined [1]"].visible


def test_opacity_and_contours_are_within_reach(step, viewer, session, qtbot):
    qtbot.waitUntil(lambda: not step.view.isHidden())
    assert step.view.opacity.value() == 50
    step.view.opacity.setValue(80)
    step.view.contours.click()
    both = [viewer.layers[f"squares {kind}"] for kind in ("predicted", "refined")]
    assert [(layer.opacity, layer.contour) for layer in both] == [(0.8, 2)] * 2
    click(qtbot, step.cleanup.remove_button)
    wait_until_idle(qtbot, session)
    cleaned = viewer.layers["squares cleaned"]
    assert (cleaned.opacity, cleaned.contour) == (0.8, 2)

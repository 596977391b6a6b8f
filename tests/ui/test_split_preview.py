"""Objects are previewed while the size of the smallest one is moved."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.panels import RefinePanel
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer import result_layers
from tests.ui.conftest import click, press, wait_until_idle

CARD = ModelCard(
    (0, 1),
    ("background", "nucleus"),
    1,
    IntensityMapping((0.0,), (255.0,)),
    TrainingSettings(),
)
SIZES = (10, 12, 20)
"""Sides of the squares."""


@pytest.fixture
def step(viewer, session, qtbot) -> RefineStep:
    """The step with a refinement of three squares of different sizes."""
    return _refined(viewer, session, qtbot, _squares())


def _squares():
    inside = np.full((64, 64), 0.05, np.float32)
    for at, side in zip((2, 18, 38), SIZES, strict=True):
        inside[at : at + side, at : at + side] = 0.95
    return inside


def _refined(viewer, session, qtbot, inside, **place) -> RefineStep:
    image = viewer.add_image((inside * 200).astype(np.uint8), name="squares", **place)
    layer = result_layers.add_probabilities(viewer, image, np.stack([1 - inside, inside]), CARD)
    session.selection.choose_sources((layer,))
    panel = RefinePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Refine (CRF)")
    step = panel.steps[RefineStep]
    assert not step.cleanup.preview_box.isEnabled()
    step.controls.set_settings(CRFSettings(gaussian_weight=0, bilateral_weight=0, iterations=1))
    qtbot.wait(50)
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, session)
    return step


def _preview(viewer):
    return next((layer for layer in viewer.layers if layer.name == "squares preview"), None)


def test_objects_follow_the_slider(step, viewer, session, qtbot):
    cleanup = step.cleanup
    press(viewer, "Shift-O")
    assert cleanup.preview_box.isChecked()
    qtbot.waitUntil(lambda: _preview(viewer) is not None)
    # A fifth of the typical one is less than the smallest.
    qtbot.waitUntil(lambda: cleanup.found.text() == "3 objects on the screen")
    assert len(np.unique(_preview(viewer).data)) == 4
    assert not viewer.layers["squares refined"].visible
    for least, count in ((110, 2), (200, 1), (500, 0)):
        cleanup.object_slider.setValue(
            next(at for at in range(101) if 10 * 10 ** (3 * (at - 1) / 99) > least)
        )
        assert least < cleanup.object_px.value() < 1.1 * least
        qtbot.waitUntil(lambda count=count: cleanup.found.text().startswith(f"{count} objects"))
        assert len(np.unique(_preview(viewer).data)) == count + 1
    # The number is another way to say it, and the slider follows.
    cleanup.object_px.setValue(110)
    qtbot.waitUntil(lambda: cleanup.found.text().startswith("2 objects"))
    assert 30 < cleanup.object_slider.value() < 40
    click(qtbot, cleanup.split_button)
    wait_until_idle(qtbot, session)
    assert _preview(viewer) is None
    assert len(np.unique(viewer.layers["squares instances"].data)) == 3


def test_the_key_ends_it_and_shows_what_was_there(step, viewer, qtbot):
    press(viewer, "Shift-O")
    qtbot.waitUntil(lambda: _preview(viewer) is not None)
    press(viewer, "Shift-O")
    assert _preview(viewer) is None
    assert viewer.layers["squares refined"].visible


@pytest.mark.parametrize(("axis", "n_objects"), [("time", 6), ("z", 3)])
def test_objects_go_on_from_plane_to_plane_not_from_frame_to_frame(
    viewer, session, qtbot, axis, n_objects
):
    step = _refined(
        viewer, session, qtbot, np.stack([_squares()] * 2), axis_labels=(axis, "y", "x")
    )
    click(qtbot, step.cleanup.split_button)
    wait_until_idle(qtbot, session)
    found = viewer.layers["squares instances"].data
    assert len(np.unique(found)) == n_objects + 1

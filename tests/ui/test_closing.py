"""A dock or viewer that is closed takes its timers, threads and connections along."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.crf.tuning import edge_sensitivity
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions import refine_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.panels import RefinePanel
from napari_fcn_crf.ui.session.lifetime import follow, while_alive
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer.camera import camera_of
from tests.ui.conftest import click, wait_until_idle

SMALL = CRFSettings(gaussian_sigma_px=2, bilateral_sigma_px=8, iterations=3)


@pytest.fixture
def shown(make_napari_viewer, two_squares):
    """A viewer on the screen, with a stack, strokes, and labels to refine."""
    viewer = make_napari_viewer(show=True)
    image, labels = two_squares
    viewer.add_image(np.stack([image] * 3), name="stack", contrast_limits=(0, 255))
    viewer.add_labels(np.stack([labels] * 3), name="strokes")
    coarse = np.where(image > 120, 7, 3).astype(np.uint8)
    source = viewer.add_labels(np.stack([coarse] * 3), name="coarse")
    session_of(viewer).selection.choose_sources((source,))
    return viewer


def _names(viewer):
    return [layer.name for layer in viewer.layers]


def _delete_what_is_due():
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _threads(name):
    return [thread for thread in threading.enumerate() if thread.name == name]


def _use(viewer):
    """Do what widgets listen to."""
    camera_of(viewer).zoom *= 1.1
    viewer.dims.set_point(0, 1)
    viewer.theme = "light"
    strokes = viewer.layers["strokes"]
    strokes.paint((1, 50, 50), 7)
    strokes.undo()
    viewer.layers.selection.active = viewer.layers["stack"]
    viewer.add_image(np.zeros((3, 64, 64)), name="one more", contrast_limits=(0, 1))


def test_a_hidden_dock_previews_nothing_and_a_closed_one_is_gone(shown, qtbot):
    panel = RefinePanel(shown)
    dock = shown.window.add_dock_widget(panel, name="Refine (CRF)")
    step = panel.steps[RefineStep]
    step.controls.set_settings(SMALL)
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    assert "stack preview" in _names(shown)
    assert len(_threads("fcn-crf preview")) == 1

    dock.hide()
    assert "stack preview" not in _names(shown)
    camera_of(shown).zoom *= 1.1
    qtbot.wait(500)
    assert "stack preview" not in _names(shown)
    with qtbot.waitSignal(step.preview.shown, timeout=60_000):
        dock.show()
    assert "stack preview" in _names(shown)

    deleted = []
    for child in (panel, step.preview, step.preview_box):
        child.destroyed.connect(lambda *_: deleted.append(1))
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: len(deleted) == 3)
    assert "stack preview" not in _names(shown)
    _use(shown)  # an exception in a slot fails the test
    qtbot.wait(500)
    assert "stack preview" not in _names(shown)
    qtbot.waitUntil(lambda: not _threads("fcn-crf preview"))


def test_work_outlives_the_dock_it_was_started_from(shown, qtbot, notes, monkeypatch):
    # It may be over before its dock is gone, so it waits for that.
    is_gone, tune = threading.Event(), edge_sensitivity.tune

    def tune_later(*args, **kwargs):
        assert is_gone.wait(300)
        return tune(*args, **kwargs)

    monkeypatch.setattr(edge_sensitivity, "tune", tune_later)
    panel = RefinePanel(shown)
    dock = shown.window.add_dock_widget(panel, name="Refine (CRF)")
    session, step = session_of(shown), panel.steps[RefineStep]
    step.budget_s.setValue(2)
    click(qtbot, step.tune_button)
    gone = []
    panel.destroyed.connect(lambda *_: gone.append(1))
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone))
    assert session.runner.activity.kind == "tune"
    is_gone.set()
    _use(shown)
    wait_until_idle(qtbot, session)
    assert notes() == []
    refine_actions.refine(session, SMALL, RefinementOptions())
    wait_until_idle(qtbot, session)
    assert "stack refined" in _names(shown)


def test_napari_knows_what_runs_and_asks_before_it_closes(shown, qtbot):
    session, tasks = session_of(shown), shown.window._task_status_manager
    endless = replace(SMALL, iterations=100_000)
    refine_actions.refine(session, endless, RefinementOptions())
    title = session.runner.activity.title
    assert tasks.get_status() == [f"FCN-CRF: {title}"]
    session.runner.cancel()
    wait_until_idle(qtbot, session)
    assert tasks.get_status() == []
    refine_actions.refine(session, endless, RefinementOptions())
    assert len(tasks.get_status()) == 1
    # As when "Close" is chosen there; what ended before is told as well.
    tasks.cancel_all()
    assert session.runner.activity.is_cancelling
    wait_until_idle(qtbot, session)
    assert not tasks.is_busy()


def test_closing_the_viewer_ends_a_refinement(shown, qtbot):
    session = session_of(shown)
    endless = replace(SMALL, iterations=100_000)
    refine_actions.refine(session, endless, RefinementOptions())
    strokes = shown.layers["strokes"]
    qtbot.waitUntil(lambda: "stack preview" in _names(shown), timeout=120_000)
    assert _threads("fcn-crf refine")
    shown.close()
    qtbot.waitUntil(lambda: not _threads("fcn-crf refine"), timeout=60_000)
    strokes.paint((1, 50, 50), 7)  # a layer that a script still holds
    qtbot.wait(400)


def test_what_follows_an_event_ends_with_its_widget(qtbot, viewer):
    class Listener(QObject):
        heard = 0

        def __init__(self):
            super().__init__()
            self._timer = QTimer(self)

        def hear(self, event=None):
            self.heard += 1
            self._timer.isActive()

    listener = Listener()
    follow(viewer.dims.events.point, listener.hear)
    told = while_alive(listener.hear)
    viewer.add_image(np.zeros((3, 8, 8)), contrast_limits=(0, 1))
    viewer.dims.set_point(0, 1)
    heard = listener.heard
    assert heard
    told()
    assert listener.heard == heard + 1
    listener.deleteLater()
    _delete_what_is_due()
    viewer.dims.set_point(0, 2)
    told()
    assert listener.heard == heard + 1
    with pytest.raises(TypeError, match="a method of a Qt object"):
        follow(viewer.dims.events.point, print)

"""Long work is shown in napari's activity dock, and may end while its bar is being drawn."""

from __future__ import annotations

import threading

from napari.utils import progress
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.progress import Progress
from napari_fcn_crf.ui.session import activity as activity_module
from tests.ui.conftest import wait_until_idle


def test_work_may_end_while_its_bar_is_drawn(session, qtbot, monkeypatch):
    """Drawing runs other events; an exception in a slot fails the test."""
    go, gone = threading.Event(), []

    def work(on_progress):
        on_progress(Progress("Counting", 1, 2))
        return go.wait(300)

    def end_the_work(event):
        go.set()
        while session.runner.activity is not None:
            QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gone.append(activity)

    def make_bar(**given):
        bar = progress(**given)
        bar.events.value.connect(end_the_work)
        return bar

    monkeypatch.setattr(activity_module, "progress", make_bar)
    shown = []
    session.runner.shown.connect(shown.append)
    session.runner.run("test", "Working", work, go.set, lambda _: None)
    activity = session.runner.activity
    qtbot.waitUntil(lambda: gone == [activity], timeout=10_000)
    wait_until_idle(qtbot, session)
    assert {latest.phase for latest in shown} == {"Counting"}
    assert not _bars()


def test_work_may_end_while_its_bar_is_made(session, qtbot, monkeypatch):
    go = threading.Event()

    def make_bar(**given):
        bar = progress(**given)
        go.set()
        while session.runner.activity is not None:
            QApplication.processEvents()
        return bar

    monkeypatch.setattr(activity_module, "progress", make_bar)
    session.runner.run("test", "Working", lambda _: go.wait(300), go.set, lambda _: None)
    qtbot.waitUntil(go.is_set, timeout=10_000)
    wait_until_idle(qtbot, session)
    assert not _bars()


def _bars():
    return [bar for bar in progress._all_instances if str(bar.desc).startswith("Working")]

"""Long work is shown in napari's activity dock, and may end while its bar is being drawn."""

from __future__ import annotations

import threading

from napari.utils import progress
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.progress import Progress
from tests.ui.conftest import wait_until_idle


def test_work_may_end_while_its_bar_is_drawn(session, qtbot):
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

    shown = []
    session.runner.shown.connect(shown.append)
    session.runner.run("test", "Working", work, go.set, lambda _: None)
    activity = session.runner.activity
    (bar,) = [bar for bar in progress._all_instances if bar.desc.startswith("Working")]
    bar.events.value.connect(end_the_work)
    qtbot.waitUntil(lambda: gone == [activity], timeout=10_000)
    wait_until_idle(qtbot, session)
    assert [latest.phase for latest in shown] == ["Counting"]

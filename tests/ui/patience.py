"""Waiting for what a window is about to do, on however slow or busy a machine."""

from __future__ import annotations

import threading
import time
from typing import Any

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

PATIENCE_MS = 300_000
"""Longer than anything takes where it works at all; less than a test is given."""

_PAUSE_MS = 10
_COUNTING = "fcn-crf label counts"


class PatientQtBot(QtBot):
    """pytest-qt's robot, whose waits end by what has happened, and by the clock only in a failure.

    What is waited for is there as soon on a fast machine, and with a processor that is taken away
    for seconds it comes later, but comes.
    """

    def waitUntil(self, callback: Any, *, timeout: int = PATIENCE_MS) -> None:
        """Wait for something that will be so."""
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **others: Any) -> Any:
        """Wait for a signal that will come."""
        return super().waitSignal(signal, timeout=max(timeout, PATIENCE_MS), **others)

    def wait(self, ms: int) -> None:
        """Wait, and go on until all is done that a fast machine does in this time.

        These are updates that wait for the next turn of the event loop, and may bring about others,
        whatever is put off for less than this time, and labels that are being counted. No more than
        10 ms are a pause.
        """
        super().wait(ms)
        if ms <= _PAUSE_MS:
            return
        end = time.monotonic() + PATIENCE_MS / 1000
        while _is_due(ms) and time.monotonic() < end:
            super().wait(5)


def _is_due(ms: int) -> bool:
    if any(thread.name == _COUNTING for thread in threading.enumerate()):
        return True
    return any(
        timer.isActive() and timer.isSingleShot() and timer.interval() < ms
        for window in QApplication.topLevelWidgets()
        for timer in window.findChildren(QTimer)
        if type(timer.parent()).__module__.startswith("napari_fcn_crf")
    )

"""Timers of Qt objects: to do something once, a little later, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer, SignalInstance

from napari_fcn_crf.ui.session.lifetime import owner_of


def one_shot(owner: QObject, interval_ms: int, then: Callable[[], None]) -> QTimer:
    """Return a timer that calls a method once after each start; 0 is the next turn of the loop."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(then)
    return timer


def update_after(update: Callable[[], None], *signals: SignalInstance) -> None:
    """Call a method of a Qt object after any of some signals, once for all of this moment."""
    timer = one_shot(owner_of(update), 0, update)
    for signal in signals:
        signal.connect(timer.start)

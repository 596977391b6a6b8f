"""Status of Live: what it does or waits for, in a line, and how long that will take yet."""

from __future__ import annotations

import time
from dataclasses import replace

from qtpy.QtCore import QObject, QTimer, Signal

from napari_fcn_crf.ui.session.live_worker import Told

_TICK_MS = 1000


class LiveStatus(QObject):
    """A line of text.

    Attributes
    ----------
    changed : Signal
        It is another one.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._text = ""
        self._waiting: Told | None = None
        self._latency_s = self._features_at = 0.0
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._on_tick)

    @property
    def text(self) -> str:
        """The line; empty if there is nothing to say."""
        return self._text

    def say(self, text: str) -> None:
        """Say something else, until there is more to say."""
        self._tick.stop()
        self._show(text)

    def tell(self, told: Told, latency_s: float) -> None:
        """Say what the worker tells.

        Parameters
        ----------
        told : Told
        latency_s : float
            How long after a stroke its labels were there; 0 if that is unknown.
        """
        self._waiting, self._latency_s = told, latency_s
        self._features_at = time.perf_counter() + told.features_s
        self._show(_in_words(told, latency_s))
        if told.features_s:
            self._tick.start()
        else:
            self._tick.stop()

    def _on_tick(self) -> None:
        if self._waiting is not None:
            left_s = max(0.5, self._features_at - time.perf_counter())
            self._show(_in_words(replace(self._waiting, features_s=left_s), self._latency_s))

    def _show(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.changed.emit()


def _in_words(told: Told, latency_s: float) -> str:
    computing = ""
    if told.features_s:
        computing = f"Computing features, {max(1, round(told.features_s))} s"
    count = len(told.class_values)
    if told.is_too_large:
        return "Too much of this large image is seen. Zoom in, and Live follows."
    if count < 2:
        what = "two classes" if count == 0 else "another class"
        waits = f"Paint strokes of {what}, each with a label of its own."
        return f"{waits} {computing}".rstrip()
    if told.followed is None and computing:
        return f"{computing}…"
    text = f"Live: {count} classes"
    if latency_s:
        text += f", {1000 * latency_s:.0f} ms" if latency_s < 1 else f", {latency_s:.1f} s"
    return f"{text}. {computing}, finer" if computing else text

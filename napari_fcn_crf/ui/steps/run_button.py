"""Run button: starts one kind of work and, while that runs, cancels it beside a progress bar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fcn_crf.progress import Progress, time_in_words
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.viewer.themes import highlight_style

_GUARD_MS = 700
"""For so long what a button means now waits for a click: a double click is no second thought."""

_TICK_MS = 1000
_SILENT_S = 2

MEASURES = (
    "Loss: how far the network is from your annotation; it should fall.\n"
    "IoU: how much of each class is found, on strokes that were held out; 1 is all of it."
)
"""What the measures of a training are, for tooltips."""


class RunButton(QWidget):
    """A button that starts one kind of work and, while it runs, cancels it beside a progress bar.

    Parameters
    ----------
    session : Session
    kind : str
        The activity's kind.
    text : str
        What the button says while nothing runs.
    on_clicked : callable
        Starts the work.
    """

    def __init__(
        self, session: Session, kind: str, text: str, on_clicked: Callable[[], None]
    ) -> None:
        super().__init__()
        self._session = session
        self.kind = kind
        self.text = text
        self._start = on_clicked
        self._is_running = False
        self._is_sensible = False
        self._problem = ""
        self.key = ""
        self.cancel_tip = "End this now; nothing is changed then."
        self.button = QPushButton(text)
        self.button.clicked.connect(self._on_clicked)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setToolTip(MEASURES)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.button, self.bar, self.status):
            layout.addWidget(widget)
        self._guard = one_shot(self, _GUARD_MS, self._show_enabled)
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        session.runner.shown.connect(self._show_progress)
        follow(session.viewer.events.theme, self._show_style)
        session.live.switched.connect(self._show_style)

    @property
    def is_next(self) -> bool:
        """Whether it is shown as the sensible thing to do now; with Live on, that is to paint."""
        return self._is_sensible and not self._session.live.is_on

    def press(self) -> None:
        """Start the work as a click would; never cancel it."""
        if self._session.runner.activity is None:
            self.button.click()

    def hold(self) -> None:
        """Take no click for a moment: the button means something else from now on."""
        self._guard.start()
        self._show_enabled()

    def show_state(self, problem: str, tooltip: str, is_next: bool) -> None:
        """Bring button and bar up to date.

        Parameters
        ----------
        problem : str
            Why the work cannot be started; empty if it can.
        tooltip : str
            What the button does.
        is_next : bool
            Whether this is the sensible thing to do now.
        """
        activity, running = self._session.runner.activity, self._is_at_work
        self._note_running(running)
        self.bar.setVisible(running)
        self.status.setVisible(running)
        if activity is not None and running:
            self._show_cancel()
            self._show_progress(activity.latest)
        else:
            if activity is not None:
                problem = f"{activity.title} is still running."
            self.button.setText(self.text)
            self._problem = problem
            self._show_enabled()
            hint = f" (key {self.key})" if self.key else ""
            self.button.setToolTip(problem or tooltip + hint)
        self._is_sensible = is_next and not running and not problem
        self._show_style()

    @property
    def _is_at_work(self) -> bool:
        activity = self._session.runner.activity
        return activity is not None and activity.kind == self.kind

    def _note_running(self, running: bool) -> None:
        if running and not self._is_running:
            self._guard.start()
            self._tick.start()
        elif self._is_running and not running:
            self._guard.stop()
            self._tick.stop()
        self._is_running = running

    def _show_cancel(self) -> None:
        activity = self._session.runner.activity
        is_cancelling = activity is not None and activity.is_cancelling
        self._problem = "It is being cancelled." if is_cancelling else ""
        self._show_enabled()
        self.button.setText("Cancelling…" if is_cancelling else "Cancel")
        self.button.setToolTip(self.cancel_tip)

    def _show_enabled(self) -> None:
        self.button.setEnabled(not self._problem and not self._guard.isActive())

    def _show_style(self, event: object = None) -> None:
        style = highlight_style(self._session.viewer) if self.is_next else ""
        if style != self.button.styleSheet():
            self.button.setStyleSheet(style)

    def _on_clicked(self) -> None:
        if self._session.runner.activity is None:
            try:
                self._start()
            except (ValueError, TypeError, OSError) as error:
                tell_error(error)
                return
            if self._is_at_work:
                # Now: the second half of a double click may be waiting already.
                self._note_running(True)
                self._show_cancel()
        else:
            self._session.runner.cancel()

    def _on_tick(self) -> None:
        activity = self._session.runner.activity
        if activity is not None:
            self._show_progress(activity.latest)

    def _show_progress(self, latest: Progress) -> None:
        activity = self._session.runner.activity
        if activity is None or not self._is_at_work:
            return
        self.bar.setRange(0, latest.total)
        self.bar.setValue(latest.current)
        self.status.setText(_in_words(latest, activity.phase_seconds))


def _in_words(latest: Progress, phase_seconds: float) -> str:
    text = latest.phase
    if latest.total:
        text += f": {latest.current:,} of {latest.total:,} {latest.unit}".replace(",", " ").rstrip()
    elif phase_seconds >= _SILENT_S:
        text += f": {phase_seconds:.0f} s"
    if latest.loss is not None:
        text += f", loss {latest.loss:.3g}"
    if latest.validation_iou:
        text += f", held-out IoU {np.nanmean(latest.validation_iou):.2f}"
    if latest.seconds_left is not None and latest.seconds_left >= 1:
        text += f", {time_in_words(round(latest.seconds_left))} left"
    return text

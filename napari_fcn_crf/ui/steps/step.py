"""Step of the workflow: a heading, a body, and a run button with a bar while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from napari.utils.notifications import show_error
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_fcn_crf.progress import Progress
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after


class Step(QWidget):
    """One step of the workflow, shown alone or below others.

    Subclasses build their controls into `self.body` and bring them up to date in `update_controls`,
    which is called after each of the `changes` that they name.

    Parameters
    ----------
    session : Session
    number : int
        Shown before the heading; 0 shows none.
    """

    title: ClassVar[str]

    def __init__(self, session: Session, number: int = 0) -> None:
        super().__init__()
        self.session = session
        heading = QLabel(f"{number}  {self.title}" if number else self.title)
        heading.setStyleSheet("font-weight: bold; font-size: 11pt;")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 4, 0, 8)
        self.body.setSpacing(6)
        self.body.addWidget(heading)
        self.build()
        update_after(self.update_controls, *self.changes())
        self.update_controls()

    def build(self) -> None:
        """Put the step's controls into `self.body`."""
        raise NotImplementedError

    def changes(self) -> tuple[SignalInstance, ...]:
        """Return the signals that announce what the step shows."""
        raise NotImplementedError

    def update_controls(self) -> None:
        """Show the session as it is now."""
        raise NotImplementedError

    def leave(self) -> None:
        """Take back what is only shown while the step is seen."""

    def attempt(self, action: Callable[[], None]) -> None:
        """Do what a click asks for; what cannot be done is told in a notification."""
        try:
            action()
        except (ValueError, TypeError, OSError) as error:
            show_error(str(error))

    def add_row(self, *widgets: QWidget) -> None:
        """Put widgets beside each other."""
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in widgets:
            row.addWidget(widget)
        self.body.addLayout(row)

    def add_text(self) -> QLabel:
        """Add a line of text that wraps."""
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.body.addWidget(label)
        return label


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
        self._kind = kind
        self.text = text
        self._start = on_clicked
        self.key = ""
        self.button = QPushButton(text)
        self.button.clicked.connect(self._on_clicked)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.status = QLabel()
        self.status.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.button, self.bar, self.status):
            layout.addWidget(widget)
        session.runner.shown.connect(self._show_progress)

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
        activity = self._session.runner.activity
        running = activity is not None and activity.kind == self._kind
        self.bar.setVisible(running)
        self.status.setVisible(running)
        if activity is not None and running:
            self.button.setEnabled(not activity.is_cancelling)
            self.button.setText("Cancelling…" if activity.is_cancelling else "Cancel")
            self.button.setToolTip("End this now; what was learnt so far is kept.")
            self._show_progress(activity.latest)
        else:
            if activity is not None:
                problem = f"{activity.title} is still running."
            self.button.setText(self.text)
            self.button.setEnabled(not problem)
            hint = f" (key {self.key})" if self.key else ""
            self.button.setToolTip(problem or tooltip + hint)
        self._highlight(is_next and not running and not problem)

    def _highlight(self, highlighted: bool) -> None:
        if not highlighted:
            self.button.setStyleSheet("")
            return
        theme = get_theme(self._session.viewer.theme)
        self.button.setStyleSheet(
            f"QPushButton {{ background-color: {theme.current}; color: white; font-weight: bold; }}"
        )

    def _on_clicked(self) -> None:
        if self._session.runner.activity is None:
            try:
                self._start()
            except (ValueError, TypeError, OSError) as error:
                show_error(str(error))
        else:
            self._session.runner.cancel()

    def _show_progress(self, latest: Progress) -> None:
        activity = self._session.runner.activity
        if activity is None or activity.kind != self._kind:
            return
        self.bar.setRange(0, latest.total)
        self.bar.setValue(latest.current)
        self.status.setText(_in_words(latest))


def _in_words(latest: Progress) -> str:
    text = latest.phase
    if latest.total:
        text += f": {latest.current:,} of {latest.total:,} {latest.unit}".replace(",", " ").rstrip()
    if latest.loss is not None:
        text += f", loss {latest.loss:.3g}"
    if latest.validation_iou:
        text += f", held-out IoU {np.nanmean(latest.validation_iou):.2f}"
    if latest.seconds_left is not None and latest.seconds_left >= 1:
        text += f", {latest.seconds_left:.0f} s left"
    return text

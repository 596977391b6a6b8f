"""Step of the workflow: a heading that folds it, its controls, and the button it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_fcn_crf.ui.sections.fold import FoldHeading
from napari_fcn_crf.ui.sections.help_button import HelpButton
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after


class Step(QWidget):
    """One step of the workflow, shown alone or below others.

    Subclasses build their controls into `body`, what stays when the step is folded into `kept`,
    and what follows that into `below`. They bring them up to date in `update_controls`, which is
    called after each of the `changes` that they name.

    Parameters
    ----------
    session : Session
    number : int
        Shown before the heading; 0 shows none.

    Attributes
    ----------
    kinds : frozenset of str
        Of the activities that the step shows.
    page : str
        Of the documentation, on what the step does.
    """

    title: ClassVar[str]
    page: ClassVar[str] = "tutorial"
    kinds: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, session: Session, number: int = 0) -> None:
        super().__init__()
        self.session = session
        self.is_folded_by_hand: bool | None = None
        self.heading = FoldHeading(f"{number}  {self.title}" if number else self.title)
        self.heading.toggled.connect(self._on_heading_toggled)
        self.help_button = HelpButton(self.page, f"“{self.title}”")
        self.heading.add_beside(self.help_button)
        self._folding = QWidget(), QWidget()
        self.body, self.below = (QVBoxLayout(part) for part in self._folding)
        self.kept = QVBoxLayout()
        for layout in (self.body, self.kept, self.below):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(6)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 2, 0, 4)
        whole.setSpacing(6)
        whole.addWidget(self.heading)
        whole.addWidget(self._folding[0])
        whole.addLayout(self.kept)
        whole.addWidget(self._folding[1])
        self.build()
        update_after(self._update, *self.changes())
        self._update()

    def build(self) -> None:
        """Put the step's controls into `body`, `kept` and `below`."""
        raise NotImplementedError

    def changes(self) -> tuple[SignalInstance, ...]:
        """Return the signals that announce what the step shows."""
        raise NotImplementedError

    def update_controls(self) -> None:
        """Show the session as it is now."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return what is chosen, in the line that is left of a folded step."""
        return ""

    def leave(self) -> None:
        """Take back what is only shown while the step is seen."""

    @property
    def is_folded(self) -> bool:
        """Whether only the heading and what is `kept` are shown."""
        return not self.heading.is_open

    def fold(self, folded: bool) -> None:
        """Show the step's controls, or only a line on them."""
        self.heading.set_open(not folded)
        for part in self._folding:
            part.setVisible(not folded)
        self.heading.summary.show_text(self.summary())

    def attempt(self, action: Callable[[], None]) -> None:
        """Do what a click asks for; what cannot be done is told."""
        try:
            action()
        except (ValueError, TypeError, OSError) as error:
            tell_error(error)

    def add_row(self, *widgets: QWidget) -> None:
        """Put widgets beside each other."""
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in widgets:
            row.addWidget(widget)
        self.body.addLayout(row)

    def add_text(self, where: QVBoxLayout | None = None) -> QLabel:
        """Add a line of text that wraps, to the body or elsewhere."""
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        (self.body if where is None else where).addWidget(label)
        return label

    def _update(self) -> None:
        self.update_controls()
        self.heading.summary.show_text(self.summary())

    def _on_heading_toggled(self, is_open: bool) -> None:
        self.is_folded_by_hand = not is_open
        self.fold(not is_open)

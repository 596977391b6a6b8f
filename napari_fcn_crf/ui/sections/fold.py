"""Fold of a step: a heading that opens and closes what stands below it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

_OPEN, _CLOSED = "▾", "▸"


class ElidedLabel(QLabel):
    """A line of text that is cut where the dock ends, and whole in its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show another text."""
        self._whole = text
        self.setToolTip(text)
        self._elide()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent | None) -> None:
        """Cut the text anew where letters are of another size."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.FontChange:
            self._elide()

    def _elide(self) -> None:
        mode = Qt.TextElideMode.ElideRight
        room = self.width() - max(0, self.indent())
        self.setText(self.fontMetrics().elidedText(self._whole, mode, room))


class FoldHeading(QWidget):
    """A title to click on, and, while it is closed, a line on what was chosen below it.

    Attributes
    ----------
    toggled : Signal of bool
        Somebody has opened it, or closed it.
    """

    toggled = Signal(bool)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._is_open = True
        self.button = QPushButton()
        self.button.setFlat(True)
        self.button.setStyleSheet(
            "QPushButton { background: transparent; border: none; font-weight: bold; "
            "font-size: 11pt; text-align: left; padding: 2px 0px; }"
        )
        self.button.clicked.connect(self._on_clicked)
        self.summary = ElidedLabel()
        self.summary.setIndent(18)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._row = QHBoxLayout()
        self._row.setSpacing(0)
        self._row.addWidget(self.button, 1)
        layout.addLayout(self._row)
        layout.addWidget(self.summary)
        self.set_open(True)

    def add_beside(self, widget: QWidget) -> None:
        """Put a widget at the end of the title's line."""
        self._row.addWidget(widget)

    @property
    def is_open(self) -> bool:
        """Whether what stands below is shown."""
        return self._is_open

    def set_open(self, is_open: bool) -> None:
        """Show that it is open, or closed."""
        self._is_open = is_open
        self.button.setText(f"{_OPEN if is_open else _CLOSED} {self._title}")
        self.button.setToolTip("Show less." if is_open else "Show more.")
        self.summary.setVisible(not is_open)

    def _on_clicked(self) -> None:
        self.toggled.emit(not self._is_open)

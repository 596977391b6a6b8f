"""Line of text that ends in an ellipsis where there is no room, and is whole in its tooltip."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy


class ElidedLabel(QLabel):
    """One line, of which the tooltip has what does not fit.

    Parameters
    ----------
    mode : Qt.TextElideMode
        Where the ellipsis is.
    """

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._mode = mode
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str | None) -> None:
        """Show another text."""
        self._whole = text or ""
        self.setToolTip(self._whole)
        self._elide()

    @property
    def whole_text(self) -> str:
        """The text, with what does not fit."""
        return self._whole

    def minimumSizeHint(self) -> QSize:
        """Return the height of a line, and no width."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show as much as there is room for."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(0, self.width())
        super().setText(self.fontMetrics().elidedText(self._whole, self._mode, room))

"""Offer to take strokes on a result as annotation."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after


class StrokeOffer(QWidget):
    """Says that somebody painted where nothing is learnt from; shown only then."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._strokes = session.misplaced
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.take_button = QPushButton("Take as annotation")
        self.take_button.setToolTip("Move these strokes to the labels that are learnt from.")
        self.take_button.clicked.connect(lambda: attempt(self._strokes.take))
        self.leave_button = QPushButton("Leave")
        self.leave_button.setToolTip("Keep them here; this layer is not replaced by the next one.")
        self.leave_button.clicked.connect(self._strokes.leave)
        row = QHBoxLayout()
        row.addWidget(self.take_button, 1)
        row.addWidget(self.leave_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addLayout(row)
        update_after(self.update_offer, self._strokes.changed)
        self.update_offer()

    def update_offer(self) -> None:
        """Show or hide it."""
        layer = self._strokes.layer
        self.setVisible(layer is not None)
        if layer is not None:
            self.text.setText(f"You painted on '{layer.name}', which nothing learns from.")

"""Recovery of a model that the last session has not saved: open it, or delete it."""

from __future__ import annotations

import time

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.session import Session


class Recovery(QFrame):
    """Offers the model of the last session where that was not saved."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.open_button = QPushButton("Open it")
        self.open_button.setToolTip("Use it for Predict; Save model… keeps it in a file.")
        self.open_button.clicked.connect(self._on_open_clicked)
        self.delete_button = QPushButton("Delete it")
        self.delete_button.clicked.connect(session.models.discard_unsaved)
        row = QHBoxLayout()
        row.addWidget(self.open_button)
        row.addWidget(self.delete_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.text)
        layout.addLayout(row)
        session.models.unsaved_changed.connect(self.update_offer)
        self.update_offer()

    def update_offer(self) -> None:
        """Show what can be opened now."""
        unsaved = self._session.models.unsaved
        self.setVisible(unsaved is not None)
        if unsaved is not None:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(unsaved.seconds))
            names = ", ".join(unsaved.card.class_names)
            self.text.setText(
                f"Your last model was not saved: {unsaved.name} of {when}, which knows {names}."
            )

    def _on_open_clicked(self) -> None:
        try:
            self._session.models.open_unsaved()
        except ValueError as error:
            tell_error(error)

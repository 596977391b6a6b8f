"""TensorBoard switch, and the folder that its files are written into."""

from __future__ import annotations

import time
from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


class TensorBoardChoice(QWidget):
    """A switch and a folder, in which each training has a folder of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.switch = QCheckBox("Write files for TensorBoard")
        self.switch.setToolTip(
            "Loss, a histogram of every gradient, and predictions; a folder for each training."
        )
        self.switch.toggled.connect(self._on_toggled)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Folder")
        self.folder.textChanged.connect(self._update_tooltip)
        self.browse_button = QPushButton("Choose…")
        self.browse_button.clicked.connect(self._on_browse_clicked)
        row = QHBoxLayout()
        row.addWidget(self.folder)
        row.addWidget(self.browse_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self.switch)
        layout.addLayout(row)
        self._on_toggled(False)

    def run_folder(self) -> Path | None:
        """Return a new folder's path for a training that starts now; None if it is switched off.

        Raises
        ------
        ValueError
            If no folder was chosen.
        """
        if not self.switch.isChecked():
            return None
        text = self.folder.text().strip()
        if not text:
            raise ValueError(
                "Files for TensorBoard need a folder, but none was chosen. Choose one under More, "
                "or switch them off."
            )
        return Path(text).expanduser() / time.strftime("%Y-%m-%d_%H-%M-%S")

    def _on_toggled(self, is_on: bool) -> None:
        self.folder.setVisible(is_on)
        self.browse_button.setVisible(is_on)
        if is_on and not self.folder.text():
            self.folder.setText(str(Path.home() / "napari-fcn-crf-tensorboard"))

    def _update_tooltip(self, text: str) -> None:
        self.folder.setToolTip(f'Look at it with: tensorboard --logdir "{text}"')

    def _on_browse_clicked(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for TensorBoard", self.folder.text())
        if name:
            self.folder.setText(name)

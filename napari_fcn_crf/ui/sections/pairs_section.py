"""Pairs of image and labels to train on: the list of them, in layers and in files."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.data.labelled_folder import find_pairs
from napari_fcn_crf.ui.sections.qt_parts import present
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place

_ROWS_SHOWN = 4


class PairsSection(QWidget):
    """Pairs that are trained on together with the one chosen above."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._session = session
        self._attempt = attempt
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip("Trained on together with the image and labels chosen above.")
        self.add_button = QPushButton("Add the pair")
        self.add_button.clicked.connect(lambda: attempt(self._add))
        self.remove_button = QPushButton("Remove")
        self.remove_button.clicked.connect(self._on_remove_clicked)
        self.folder_button = QPushButton("Add a folder…")
        self.folder_button.setToolTip(
            "Images and labels in files, matched by name: cell.tif and cell_labels.tif, or "
            "images/cell.tif and labels/cell.tif."
        )
        self.folder_button.clicked.connect(self._on_folder_clicked)
        row = QHBoxLayout()
        row.addWidget(self.add_button, 1)
        row.addWidget(self.folder_button, 1)
        row.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.list)
        selection = session.selection
        update_after(
            self.update_controls,
            session.pairs.changed,
            selection.image_changed,
            selection.annotation_changed,
            selection.layers_changed,
        )
        self.list.currentRowChanged.connect(lambda _: self._update_remove_button())
        self.update_controls()

    def update_controls(self) -> None:
        """Show the pairs there are now."""
        selection, pairs = self._session.selection, self._session.pairs
        chosen = self.list.currentRow()
        self.list.clear()
        self.list.addItems([f"{image.name} — {labels.name}" for image, labels in pairs.layers])
        for pair in pairs.files:
            self.list.addItem(f"{pair.image.name} — {pair.labels.name}")
            present(self.list.item(self.list.count() - 1)).setToolTip(
                f"{pair.image}\n{pair.labels}"
            )
        n_pairs = self.list.count()
        self.list.setCurrentRow(min(chosen, n_pairs - 1))
        height = self.list.sizeHintForRow(0) * min(n_pairs, _ROWS_SHOWN) + 6
        self.list.setFixedHeight(height)
        self.list.setVisible(bool(n_pairs))
        possible = selection.image is not None and selection.annotation is not None
        self.add_button.setEnabled(possible)
        self.add_button.setToolTip(
            "Keep this pair for training, then choose the next image above."
            if possible
            else "Choose an image and its labels above."
        )
        self._update_remove_button()

    def _update_remove_button(self) -> None:
        self.remove_button.setEnabled(self.list.currentRow() >= 0)

    def _add(self) -> None:
        selection = self._session.selection
        if selection.image is not None and selection.annotation is not None:
            check_same_place(selection.picture(), selection.annotation)
            self._session.pairs.add(selection.image, selection.annotation)

    def _on_folder_clicked(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Images and labels")
        if folder:
            self._attempt(lambda: self._session.pairs.add_files(find_pairs(folder)))

    def _on_remove_clicked(self) -> None:
        self._session.pairs.remove(self.list.currentRow())

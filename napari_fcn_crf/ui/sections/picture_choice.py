"""Axes and channels of the chosen image: what it is taken for, and how to change that."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.axes import axes_of, layer_array
from napari_fcn_crf.ui.viewer.layers import is_source_image, layers_where

_KINDS = {"z": "planes", "t": "frames", "c": "channels"}
_ROWS_SHOWN = 4


class PictureChoice(QWidget):
    """Says what the chosen image is taken for, and lets people change it."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._session = session
        self._attempt = attempt
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setToolTip("What the image is taken for. Change it below if that is not right.")
        self.axes = QWidget()
        self._form = QFormLayout(self.axes)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.axis_choices: list[QComboBox] = []
        self.channels = QListWidget()
        self.channels.setToolTip(
            "Layers of the same shape: tick those that are further channels of the image."
        )
        self.channels.itemChanged.connect(self._on_ticked)
        self.more = collapsible("Axes and channels")
        self.more.addWidget(self.axes)
        self.more.addWidget(self.channels)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addWidget(self.more)
        selection = session.selection
        update_after(self.update_choices, selection.image_changed, selection.layers_changed)
        self.update_choices()

    def update_choices(self) -> None:
        """Show what the image is taken for now."""
        image = self._session.selection.image
        self.text.setVisible(image is not None)
        self.more.setVisible(image is not None)
        if image is None:
            return
        try:
            self.text.setText(self._session.selection.picture().describe())
        except ValueError as error:
            self.text.setText(str(error))
        self._show_axes(image)
        self._show_channels(image)
        has_choice = bool(self.axis_choices) or self.channels.count() > 0
        self.more.setVisible(has_choice)

    def _show_axes(self, image: Image) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self.axis_choices = []
        axes, shape = axes_of(image), layer_array(image).shape
        for axis in range(image.ndim - 2):
            combo = QComboBox()
            for letter, title in _KINDS.items():
                combo.addItem(title, letter)
            combo.setCurrentIndex(max(0, combo.findData(axes[axis])))
            combo.activated.connect(self._on_axis_chosen)
            self._form.addRow(f"Axis {axis} ({shape[axis]})", combo)
            self.axis_choices.append(combo)
        self.axes.setVisible(bool(self.axis_choices))

    def _show_channels(self, image: Image) -> None:
        chosen = self._session.selection.more_channels
        shape = tuple(layer_array(image).shape)
        others = [
            layer
            for layer in layers_where(self._session.viewer, is_source_image)
            if layer is not image and not layer.rgb and tuple(layer_array(layer).shape) == shape
        ]
        self.channels.blockSignals(True)
        self.channels.clear()
        for layer in [] if image.rgb else others:
            item = QListWidgetItem(layer.name)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = Qt.CheckState.Checked if layer in chosen else Qt.CheckState.Unchecked
            item.setCheckState(ticked)
            self.channels.addItem(item)
        self.channels.blockSignals(False)
        rows = min(self.channels.count(), _ROWS_SHOWN)
        self.channels.setFixedHeight(rows * max(18, self.channels.sizeHintForRow(0)) + 6)
        self.channels.setVisible(rows > 0)

    def _on_axis_chosen(self) -> None:
        image = self._session.selection.image
        if image is None:
            return
        letters = [combo.currentData() for combo in self.axis_choices]
        sender = self.sender()
        for at, combo in enumerate(self.axis_choices):
            # What another axis was before is what it was chosen to be.
            if combo is not sender and letters.count(letters[at]) > 1:
                free = [letter for letter in "ztabdefgh" if letter not in letters]
                letters[at] = free[0]
        axes = "".join(letters) + axes_of(image)[image.ndim - 2 :]
        self._attempt(lambda: self._session.selection.choose_axes(axes))

    def _on_ticked(self) -> None:
        items = [self.channels.item(row) for row in range(self.channels.count())]
        ticked = [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]
        self._attempt(lambda: self._session.selection.choose_channels(ticked))

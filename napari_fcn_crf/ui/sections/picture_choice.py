"""Axes and channels of the chosen image: what it is taken for, and how to change that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.ui.actions import picture_actions
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.elided import ElidedLabel
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.axes import (
    axes_in_file,
    axes_of,
    is_transparent_last,
    layer_array,
    must_be_split,
    source_of,
)
from napari_fcn_crf.ui.viewer.layer_picture import notes_of, picture_of
from napari_fcn_crf.ui.viewer.layers import is_source_image, layers_where

_KINDS = {"z": "planes", "t": "frames", "c": "channels"}
_LAST_KINDS = {"x": "columns", "c": "channels"}
_FOURTH_KINDS = {True: "transparency", False: "a channel"}
_WITH_ALPHA = 4
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
        self.note = ElidedLabel()
        self.split_button = QPushButton("Split channels")
        self.split_button.setToolTip(
            "napari cannot show labels beside channels that are not the first axis. Replace this "
            "layer by one for each channel; they stay one picture here, and no pixel is copied."
        )
        self.split_button.clicked.connect(
            lambda: attempt(lambda: picture_actions.split(self._session))
        )
        self.meant_button = QPushButton("Add it as its file means it")
        self.meant_button.setToolTip("As a new layer, which is chosen; the one shown is hidden.")
        self.meant_button.clicked.connect(
            lambda: attempt(lambda: picture_actions.add_as_meant(self._session))
        )
        self.axes = QWidget()
        self._form = QFormLayout(self.axes)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.axis_choices: list[QComboBox] = []
        self.channels_text = QLabel("Tick what are further channels of the image:")
        self.channels_text.setWordWrap(True)
        self.channels = QListWidget()
        self.channels.setToolTip(
            "Layers of the same shape: tick those that are further channels of the image."
        )
        self.channels.itemChanged.connect(self._on_ticked)
        self.more = collapsible("Axes and channels")
        self.more.addWidget(self.axes)
        self.more.addWidget(self.channels_text)
        self.more.addWidget(self.channels)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.text, self.split_button, self.note, self.meant_button, self.more):
            layout.addWidget(widget)
        selection = session.selection
        update_after(self.update_choices, selection.image_changed, selection.layers_changed)
        self.update_choices()

    def update_choices(self) -> None:
        """Show what the image is taken for now."""
        image = self._session.selection.image
        for widget in (self.text, self.split_button, self.note, self.meant_button, self.more):
            widget.setVisible(image is not None)
        if image is None:
            return
        self.text.setText(self._in_words(image))
        self.split_button.setVisible(must_be_split(image))
        self._show_notes(image)
        self._show_axes(image)
        self._show_channels(image)
        has_choice = self._form.rowCount() > 0 or self.channels.count() > 0
        self.more.setVisible(has_choice)

    def _in_words(self, image: Image) -> str:
        try:
            more = self._session.selection.more_channels
            said = picture_of(image, more).describe()
        except ValueError as error:
            return str(error)
        if axes_in_file(image) == axes_of(image) and image.ndim > 2:
            said += ", as its file says"
        if must_be_split(image):
            said += ". To be annotated, its channels must be layers of their own."
        return said

    def _show_notes(self, image: Image) -> None:
        notes = notes_of(image)
        self.note.setVisible(bool(notes))
        self.note.setText(" ".join(notes))
        source, array = source_of(image), layer_array(image)
        unlike = source is not None and source.differences(array.shape, 8 * array.dtype.itemsize)
        self.meant_button.setVisible(bool(unlike))

    def _show_axes(self, image: Image) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self.axis_choices = []
        axes, shape = axes_of(image), layer_array(image).shape
        has_channels_last = not image.rgb and axes.endswith("c")
        for axis in range(image.ndim - 2 - has_channels_last):
            combo = self._add_choice(f"Axis {axis} ({shape[axis]})", _KINDS, axes[axis])
            combo.activated.connect(self._on_axis_chosen)
            self.axis_choices.append(combo)
        if not image.rgb and image.ndim > 2:
            title = f"Last axis ({shape[-1]})"
            self.last_choice = self._add_choice(title, _LAST_KINDS, axes[-1])
            self.last_choice.activated.connect(self._on_last_chosen)
        elif image.rgb and shape[-1] == _WITH_ALPHA:
            self.last_choice = self._add_choice(
                "Fourth channel", _FOURTH_KINDS, is_transparent_last(image)
            )
            self.last_choice.activated.connect(self._on_fourth_chosen)
        self.axes.setVisible(self._form.rowCount() > 0)

    def _add_choice(self, title: str, kinds: Mapping[Any, str], chosen: object) -> QComboBox:
        combo = QComboBox()
        for value, text in kinds.items():
            combo.addItem(text, value)
        combo.setCurrentIndex(max(0, combo.findData(chosen)))
        self._form.addRow(title, combo)
        return combo

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
        self.channels_text.setVisible(rows > 0)

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
        axes = "".join(letters) + axes_of(image)[len(letters) :]
        self._attempt(lambda: self._session.selection.choose_axes(axes))

    def _on_last_chosen(self) -> None:
        image = self._session.selection.image
        if image is None:
            return
        is_channels = self.last_choice.currentData() == "c"
        tail = "yxc" if is_channels else "yx"
        others = "hgfedbatz"
        axes = others[len(others) - (image.ndim - len(tail)) :] + tail
        self._attempt(lambda: self._session.selection.choose_axes(axes))

    def _on_fourth_chosen(self) -> None:
        self._session.selection.choose_transparency(self.last_choice.currentData())

    def _on_ticked(self) -> None:
        items = [self.channels.item(row) for row in range(self.channels.count())]
        ticked = [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]
        self._attempt(lambda: self._session.selection.choose_channels(ticked))

"""Choice of what Predict predicts: this image or slice, all open ones or a folder; and where to."""

from __future__ import annotations

import math
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.results.export.export import Export
from napari_fcn_crf.results.export.table import EXPORTS
from napari_fcn_crf.ui.sections.elided import ElidedLabel
from napari_fcn_crf.ui.sections.qt_parts import present, row_of
from napari_fcn_crf.ui.session.many_images import classes_of_objects
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after

_BESIDE = "beside the images"
_SMALL_PX = 50
_THIS_IMAGE = "this image"


class ManyChoiceControls(QWidget):
    """Controls for `ManyChoice`; of one image there is nothing more to choose."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.extent = QComboBox()
        self.extent.setToolTip("What is predicted.")
        self.extent.activated.connect(self._on_extent_chosen)
        # Of a path, the end tells which it is.
        self.folder = ElidedLabel(Qt.TextElideMode.ElideLeft)
        self.folder_button = QPushButton("Choose…")
        self.folder_button.setToolTip("Choose a folder of image files, or of OME-Zarr images.")
        self.folder_button.clicked.connect(self._on_folder_clicked)
        self.results = QComboBox()
        self.results.setToolTip("Where the results go, as files named after their images.")
        self.results.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.results.setMinimumContentsLength(12)
        self.results.activated.connect(self._on_results_chosen)
        self.refines = QCheckBox("Refine, as set in the step Refine")
        self.refines.setToolTip("Let the outlines follow each image's edges.")
        self.refines.toggled.connect(lambda on: session.many.choose(refines=on))
        self.cleans = QCheckBox("Remove small regions, below")
        self.cleans.toggled.connect(self._on_minimum_chosen)
        self.minimum_px = QSpinBox()
        self.minimum_px.setRange(2, 1_000_000)
        self.minimum_px.setValue(_SMALL_PX)
        self.minimum_px.setSuffix(" px")
        self.minimum_px.setToolTip("Smaller regions and holes take their surroundings' label.")
        self.minimum_px.valueChanged.connect(self._on_minimum_chosen)

        self.splits = QCheckBox("Number the objects of")
        self.splits.setToolTip(
            "Number the objects of a class one by one, touching ones apart, as Split objects does; "
            "of files with a table of them."
        )
        self.splits.toggled.connect(lambda on: session.many.choose(splits=on))
        self.object_class = QComboBox()
        self.object_class.setToolTip("The class whose objects are numbered.")
        self.object_class.activated.connect(self._on_class_chosen)

        self.formats = QToolButton()
        self.formats.setToolTip("Further files that are written of each image.")
        self.formats.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.formats.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        menu = QMenu(self.formats)
        menu.setToolTipsVisible(True)
        self.format_actions = {one.name: _format_action(one, menu) for one in EXPORTS}
        for action in self.format_actions.values():
            action.toggled.connect(self._on_formats_chosen)
        self.formats.setMenu(menu)

        first = QFormLayout()
        first.setContentsMargins(0, 0, 0, 0)
        first.addRow("Predict", self.extent)
        self._files = QWidget()
        files = QFormLayout(self._files)
        files.setContentsMargins(0, 0, 0, 0)
        files.addRow("Folder", _beside(self.folder, self.folder_button))
        files.addRow("Results", self.results)
        files.addRow("Also as", self.formats)
        self._steps = QWidget()
        steps = QVBoxLayout(self._steps)
        steps.setContentsMargins(0, 0, 0, 0)
        steps.addWidget(self.refines)
        steps.addWidget(_beside(self.cleans, self.minimum_px))
        steps.addWidget(_beside(self.splits, self.object_class))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(first)
        layout.addWidget(self._files)
        layout.addWidget(self._steps)
        update_after(
            self.update_controls,
            session.many.changed,
            session.models.model_changed,
            session.class_names.changed,
            session.runner.changed,
            session.selection.image_changed,
        )
        self.update_controls()

    def update_controls(self) -> None:
        """Show what is chosen."""
        choice = self._session.many.choice
        self._show_extents()
        self.folder.setText(choice.folder or "none chosen")
        self._show_results(choice.results)
        self.refines.setChecked(choice.refines)
        if choice.minimum_px:
            self.minimum_px.setValue(choice.minimum_px)
        self.cleans.setChecked(choice.minimum_px > 0)
        self.minimum_px.setEnabled(choice.minimum_px > 0)
        self.splits.setChecked(choice.splits)
        self._offer_classes()
        for name, action in self.format_actions.items():
            action.setChecked(name in choice.exports)
        titles = [one.title for one in EXPORTS if one.name in choice.exports]
        self.formats.setText(", ".join(titles) or "nothing else")
        self._files.setVisible(choice.extent == "folder")
        self._steps.setVisible(choice.extent in ("open", "folder"))
        # What is under way was begun with what is shown.
        self.setEnabled(self._session.runner.activity is None)

    def _show_extents(self) -> None:
        whole = self._this_image()
        offered = {"image": whole, "open": "all open images", "folder": "a folder"}
        if whole != _THIS_IMAGE:
            offered = {"image": whole, "slice": "this slice alone", **offered}
        shown = {self.extent.itemData(row): self.extent.itemText(row) for row in self._rows()}
        if shown != offered:
            self.extent.clear()
            for extent, text in offered.items():
                self.extent.addItem(text, extent)
        chosen = self._session.many.choice.extent
        self.extent.setCurrentIndex(row_of(self.extent, chosen if chosen in offered else "image"))

    def _offer_classes(self) -> None:
        many, model = self._session.many, self._session.models.model
        values = () if model is None else classes_of_objects(model.card)
        self.object_class.clear()
        for value in values:
            self.object_class.addItem(self._session.class_names.of(value), value)
        chosen = None if model is None else many.objects_in(model.card)
        self.object_class.setEnabled(chosen is not None)
        if chosen is not None:
            self.object_class.setCurrentIndex(values.index(chosen))

    def _rows(self) -> range:
        return range(self.extent.count())

    def _this_image(self) -> str:
        selection = self._session.selection
        if selection.image is None:
            return _THIS_IMAGE
        try:
            picture = selection.picture()
        except ValueError:  # told by the button
            return _THIS_IMAGE
        sizes = zip(picture.spatial_axes, picture.spatial_shape, strict=True)
        several = {axis: size for axis, size in sizes if axis not in "yx" and size > 1}
        if not several:
            return _THIS_IMAGE
        names = {"t": "frames", "z": "planes"}
        name = names.get("".join(several), "slices")
        return f"this image, all {math.prod(several.values())} {name}"

    def _show_results(self, chosen: str) -> None:
        self.results.clear()
        self.results.addItem(_BESIDE, "")
        if chosen:
            self.results.addItem(f"in {Path(chosen).name}", chosen)
        self.results.addItem("in another folder…" if chosen else "in a folder…", None)
        self.results.setCurrentIndex(row_of(self.results, chosen))
        self.results.setToolTip(
            f"Results go to {chosen}." if chosen else "Results go where the images are."
        )

    def _on_extent_chosen(self, row: int) -> None:
        self._session.many.choose(extent=self.extent.itemData(row))

    def _on_folder_clicked(self) -> None:
        known = self._session.many.choice.folder
        folder = QFileDialog.getExistingDirectory(self, "Images to predict", known)
        if folder:
            self._session.many.choose(folder=folder)

    def _on_results_chosen(self, row: int) -> None:
        many, chosen = self._session.many, self.results.itemData(row)
        if chosen is None:
            chosen = QFileDialog.getExistingDirectory(
                self, "Folder for the results", many.choice.results or many.choice.folder
            )
            if not chosen:
                self.update_controls()
                return
        many.choose(results=chosen)

    def _on_formats_chosen(self) -> None:
        chosen = [name for name, action in self.format_actions.items() if action.isChecked()]
        self._session.many.choose(exports=chosen)

    def _on_class_chosen(self, row: int) -> None:
        self._session.many.choose(objects_of=self.object_class.itemData(row))

    def _on_minimum_chosen(self) -> None:
        is_asked = self.cleans.isChecked()
        self._session.many.choose(minimum_px=self.minimum_px.value() if is_asked else 0)


def _format_action(export: Export, menu: QMenu) -> QAction:
    action = present(menu.addAction(export.title))
    action.setCheckable(True)
    action.setToolTip(export.tip)
    return action


def _beside(first: QWidget, second: QWidget) -> QWidget:
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(first, 1)
    row.addWidget(second)
    return both

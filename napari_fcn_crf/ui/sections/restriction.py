"""Restriction of a refinement to a drawn region, one class, or one slice."""

from __future__ import annotations

from napari.layers import Labels, Layer, Shapes
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer import layers
from napari_fcn_crf.ui.viewer.axes import spatial_ndim
from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata

_EXTENTS = {
    "stack": "all slices, one by one",
    "slice": "the slice shown",
    "volume": "the volume as one",
}
_ZEROS = {"unknown": "unknown", "background": "background"}


class Restriction(QWidget):
    """Controls for `RefinementOptions`."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.keep_annotated = QCheckBox("Keep what I painted")
        self.keep_annotated.setChecked(RefinementOptions().keep_annotated)
        self.keep_annotated.setToolTip(
            "Annotated scribbles keep their label, whatever the CRF says."
        )
        self.within = QComboBox()
        self.within.setToolTip("Draw on a Shapes layer to refine only inside its shapes.")
        self.only_class = QComboBox()
        self.only_class.setToolTip("Only pixels that enter or leave this class change.")
        self.extent = _combo(_EXTENTS)
        self.extent.setToolTip(
            "One by one is quick; as one, neighbouring slices decide together, with the layer's "
            "scale along z."
        )
        self.confidence = QDoubleSpinBox()
        self.confidence.setRange(0.5, 0.99)
        self.confidence.setSingleStep(0.05)
        self.confidence.setValue(RefinementOptions().confidence)
        self.confidence.setToolTip("Probability that a pixel's label is right.")
        self.zero = _combo(_ZEROS)
        self.zero.setToolTip("What pixels labelled 0 are.")
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow(self.keep_annotated)
        self._form.addRow("Region", self.within)
        self._form.addRow("Class", self.only_class)
        self._form.addRow("Slices", self.extent)
        self._form.addRow("Trust in labels", self.confidence)
        self._form.addRow("A label of 0 is", self.zero)
        for signal in (
            self.keep_annotated.toggled,
            self.within.activated,
            self.only_class.activated,
            self.extent.activated,
            self.confidence.valueChanged,
            self.zero.activated,
        ):
            signal.connect(lambda *_: self.changed.emit())
        selection = session.selection
        update_after(
            self.update_choices,
            selection.image_changed,
            selection.sources_changed,
            session.class_names.changed,
            selection.layers_changed,
        )
        self.update_choices()

    def options(self) -> RefinementOptions:
        """Return what the controls say."""
        image = self._session.selection.image
        is_stack = image is not None and spatial_ndim(image) > 2
        return RefinementOptions(
            keep_annotated=self.keep_annotated.isChecked(),
            within=self.within.currentData(),
            only_value=self.only_class.currentData(),
            extent=self.extent.currentData() if is_stack else "stack",
            confidence=self.confidence.value(),
            zero=self.zero.currentData(),
        )

    def update_choices(self) -> None:
        """Offer the regions and classes there are now."""
        selection = self._session.selection
        regions = layers.layers_where(self._session.viewer, _is_drawn)
        _fill(self.within, [("whole image", None), *((layer.name, layer) for layer in regions)])
        source = selection.sources[0] if selection.sources else None
        values = our_metadata(source).get("class_values", ()) if source is not None else ()
        name_of = self._session.class_names.of
        names = [(f"only {name_of(value)}", value) for value in values]
        _fill(self.only_class, [("all", None), *names])
        image = selection.image
        self._form.setRowVisible(self.extent, image is not None and spatial_ndim(image) > 2)
        for widget in (self.confidence, self.zero):
            self._form.setRowVisible(widget, isinstance(source, Labels))


def _is_drawn(layer: Layer) -> bool:
    return isinstance(layer, Shapes) and not is_ours(layer)


def _combo(choices: dict[str, str]) -> QComboBox:
    combo = QComboBox()
    for value, text in choices.items():
        combo.addItem(text, value)
    return combo


def _fill(combo: QComboBox, choices: list[tuple[str, object]]) -> None:
    chosen = combo.currentData()
    combo.clear()
    for text, value in choices:
        combo.addItem(text, value)
        if value is chosen or (isinstance(value, int) and value == chosen):
            combo.setCurrentIndex(combo.count() - 1)
    combo.setItemData(0, "no restriction", Qt.ItemDataRole.ToolTipRole)

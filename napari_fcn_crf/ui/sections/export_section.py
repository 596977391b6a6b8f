"""Export of a result: which, in which format, and where to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.results.export.export import Export
from napari_fcn_crf.results.export.table import EXPORTS, named_like
from napari_fcn_crf.ui.actions import export_actions
from napari_fcn_crf.ui.sections.enabling import enable
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot, update_after
from napari_fcn_crf.ui.viewer.layer_result import is_exported
from napari_fcn_crf.ui.viewer.layers import layers_where
from napari_fcn_crf.ui.viewer.ownership import our_metadata


class ExportSection(QWidget):
    """Write labels or probabilities for other programs, or measure them."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._session = session
        self._attempt = attempt
        self._chosen: Layer | None = None
        self.layer = QComboBox()
        self.format = QComboBox()
        for one in EXPORTS:
            self.format.addItem(one.title, one)
            self.format.setItemData(self.format.count() - 1, one.tip, Qt.ItemDataRole.ToolTipRole)
        for box in (self.layer, self.format):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(8)
        self.layer.activated.connect(self._on_layer_chosen)
        self.format.currentIndexChanged.connect(self._on_format_chosen)
        self.export_button = QPushButton("Export...")
        self.export_button.clicked.connect(lambda: attempt(self._export))
        self.measure_button = QPushButton("Measure")
        self.measure_button.clicked.connect(lambda: attempt(self._measure))
        form = QFormLayout()
        form.addRow("Result", self.layer)
        form.addRow("As", self.format)
        row = QHBoxLayout()
        row.addWidget(self.export_button, 1)
        row.addWidget(self.measure_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(row)
        self._update_soon = one_shot(self, 0, self.update_controls)
        for event in (session.viewer.layers.events.inserted, session.viewer.layers.events.removed):
            follow(event, self._on_layers_changed)
        update_after(self.update_controls, session.runner.changed, session.results.changed)
        self._on_format_chosen(0)
        self.update_controls()

    def update_controls(self) -> None:
        """Offer what there is, and enable what can work."""
        layers = layers_where(self._session.viewer, is_exported)
        if self._chosen not in layers:
            self._chosen = None
        # What was made of an image rather than what was painted on it, and what is seen.
        likely = sorted(
            layers, key=lambda layer: ("kind" not in our_metadata(layer), not layer.visible)
        )
        current = self._chosen or next(iter(likely), None)
        self.layer.clear()
        for layer in layers:
            self.layer.addItem(layer.name, layer)
        self.layer.setCurrentIndex(layers.index(current) if current is not None else -1)
        missing = "" if layers else "There are no labels yet."
        for control, tip in (
            (self.layer, "What is written."),
            (self.export_button, "Write it for another program."),
            (self.measure_button, _MEASURE),
        ):
            enable(self._session, control, tip, missing)

    def _current(self) -> Layer:
        layer: Layer | None = self.layer.currentData()
        if layer is None:
            raise ValueError("There is nothing to export yet. Press Predict or Refine first.")
        return layer

    def _export(self) -> None:
        layer, chosen = self._current(), self.format.currentData()
        filters = {_filter(one): one for one in (chosen, *(x for x in EXPORTS if x is not chosen))}
        name, selected = QFileDialog.getSaveFileName(
            self, "Export", f"{layer.name}{chosen.suffixes[0]}", ";;".join(filters)
        )
        if not name:
            return
        export = filters.get(selected, chosen)
        path = named_like(Path(name), export)
        if path != Path(name) and path.exists():
            # The dialog asked about the name that was typed.
            raise ValueError(f"There is a {path.name} already. Choose another name, or type this.")
        export_actions.export(self._session, layer, export, path)

    def _measure(self) -> None:
        export_actions.measure(self._session, self._current())

    def _on_layer_chosen(self, row: int) -> None:
        self._chosen = self.layer.itemData(row)

    def _on_format_chosen(self, row: int) -> None:
        self.format.setToolTip(self.format.itemData(row).tip)

    def _on_layers_changed(self, event: object = None) -> None:
        self._update_soon.start()


_MEASURE = "Put areas, counts and intensities into the layer's own table, which napari shows."


def _filter(export: Export) -> str:
    """Return a line of a file dialog; what is in brackets in the title is no pattern."""
    title = export.title.replace("(", "- ").replace(")", "")
    return f"{title} ({' '.join(f'*{suffix}' for suffix in export.suffixes)})"

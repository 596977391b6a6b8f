"""Network (step 2): architecture, backbone, and the weights it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout

from napari_fcn_crf.backbones import BACKBONES
from napari_fcn_crf.fcn.heads.head import heads
from napari_fcn_crf.settings import BUNDLED, RANDOM, TrainingSettings
from napari_fcn_crf.ui.actions import network_actions
from napari_fcn_crf.ui.sections.qt_parts import item_of
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.steps.step import RunButton, Step
from napari_fcn_crf.weights.download import PUBLISHED
from napari_fcn_crf.weights.formats.table import endings

WEIGHTS = {
    BUNDLED: ("that come with the plugin", "Learnt by us on generated images; compact only."),
    RANDOM: ("random", "Nothing is known beforehand."),
}
_TOOLTIP = Qt.ItemDataRole.ToolTipRole
_WEIGHTS_FILES = f"VGG-16 weights ({' '.join(f'*{ending}' for ending in endings())})"


class NetworkStep(Step):
    """Choose architecture, backbone and weights, and load VGG weights from a file."""

    title: ClassVar[str] = "Network"

    def build(self) -> None:
        defaults = TrainingSettings()
        choices = {name: (head.title, head.description) for name, head in heads().items()}
        self.architecture = _combo(choices, defaults.architecture)
        backbones: dict[str, tuple[str, str]] = {
            name: (variant.title, variant.tip) for name, variant in BACKBONES.items()
        }
        self.backbone = _combo(backbones, defaults.backbone)
        self.weights = _combo(WEIGHTS, defaults.starting_weights)
        self._shown_file: Path | None = None
        self.backbone.currentIndexChanged.connect(self._on_backbone_changed)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Network", self.architecture)
        form.addRow("Backbone", self.backbone)
        form.addRow("Weights", self.weights)
        self.body.addLayout(form)
        self.load_button = RunButton(
            self.session, "weights", "Load VGG weights…", self._on_load_clicked
        )
        size = round(PUBLISHED["vgg16"].size_bytes / 2**20)
        self.download_button = RunButton(
            self.session,
            "download",
            f"Download VGG-16 ({size} MB)",
            lambda: network_actions.download_weights(self.session),
        )
        self.body.addWidget(self.load_button)
        self.body.addWidget(self.download_button)
        self.found = self.add_text()
        self.found.hide()
        self.weights.currentIndexChanged.connect(
            lambda row: self.found.setVisible(row >= len(WEIGHTS))
        )

    def chosen_weights(self) -> str | Path:
        """Return "bundled", "random" or a file."""
        chosen: str | Path = self.weights.currentData()
        return chosen

    def changes(self) -> tuple[SignalInstance, ...]:
        return self.session.models.weights_changed, self.session.runner.changed

    def update_controls(self) -> None:
        self.load_button.show_state("", "Start from a file of published VGG-16 weights.", False)
        self.download_button.show_state(
            "", "ImageNet weights as Keras publishes them, kept in the weights folder.", False
        )
        self.download_button.setVisible(self.backbone.currentData() == "vgg16")
        weights = self.session.models.weights
        if weights is None or weights.path == self._shown_file:
            return
        self._shown_file = weights.path
        while self.weights.count() > len(WEIGHTS):
            self.weights.removeItem(len(WEIGHTS))
        self.weights.addItem(weights.path.name, weights.path)
        self.weights.setItemData(len(WEIGHTS), weights.description, _TOOLTIP)
        self.weights.setCurrentIndex(len(WEIGHTS))
        self.found.setText(f"{weights.path.name}: {weights.description}")
        self.backbone.setCurrentIndex(self.backbone.findData("vgg16"))

    def _on_backbone_changed(self) -> None:
        compact = self.backbone.currentData() == "vgg16-compact"
        self.download_button.setVisible(not compact)
        item_of(self.weights, self.weights.findData(BUNDLED)).setEnabled(compact)
        file_row = len(WEIGHTS) if self.weights.count() > len(WEIGHTS) else -1
        if compact:
            self.weights.setCurrentIndex(self.weights.findData(BUNDLED))
        else:
            row = file_row if file_row >= 0 else self.weights.findData(RANDOM)
            self.weights.setCurrentIndex(row)

    def _on_load_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            "Load VGG weights",
            compute_settings().weights_folder,
            f"{_WEIGHTS_FILES};;All files (*)",
        )
        if name:
            network_actions.load_weights(self.session, Path(name))


def _combo(choices: dict[str, tuple[str, str]], default: object) -> QComboBox:
    combo = QComboBox()
    for row, (value, (text, tooltip)) in enumerate(choices.items()):
        combo.addItem(text, value)
        combo.setItemData(row, tooltip, _TOOLTIP)
    combo.setCurrentIndex(combo.findData(default))
    return combo

"""Step 2: which network, and the weights it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui import actions
from napari_fcn_crf.ui.preferences import compute_settings
from napari_fcn_crf.ui.step import RunButton, Step

ARCHITECTURES = {"fcn32s": "FCN-32s"}
BACKBONES = {"vgg16-compact": "VGG-16 compact", "vgg16": "VGG-16"}
_WEIGHTS_FILES = (
    "VGG-16 weights (*.h5 *.hdf5 *.keras *.npz *.ckpt *.index *.safetensors *.pth *.onnx)"
)


class NetworkStep(Step):
    """Choose architecture and backbone, and load VGG weights from a file."""

    title: ClassVar[str] = "Network"

    def build(self) -> None:
        defaults = TrainingSettings()
        self.architecture = _combo(ARCHITECTURES, defaults.architecture)
        self.architecture.setToolTip("FCN-32s: upsampled 32 times from the last layer (Long 2015).")
        self.backbone = _combo(BACKBONES, defaults.backbone)
        self.backbone.setToolTip(
            "Compact: the same layers at a quarter of the width, quick on any computer.\n"
            "VGG-16: 134 million weights; load ImageNet weights for it. Slow without a GPU."
        )
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Network", self.architecture)
        form.addRow("Backbone", self.backbone)
        self.body.addLayout(form)
        self.load_button = RunButton(
            self.session, "weights", "Load VGG weights…", self._on_load_clicked
        )
        self.body.addWidget(self.load_button)
        self.found = self.add_text()

    def update_controls(self) -> None:
        self.load_button.show_state("", "Start from a file of published VGG-16 weights.", False)
        weights = self.session.weights
        if weights is None:
            self.found.setText("Weights: random, until a file is loaded.")
        else:
            self.found.setText(f"{weights.path.name}: {weights.description}")
            self.backbone.setCurrentText(BACKBONES["vgg16"])

    def _on_load_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            "Load VGG weights",
            compute_settings().weights_folder,
            f"{_WEIGHTS_FILES};;All files (*)",
        )
        if name:
            actions.load_weights(self.session, Path(name))


def _combo(choices: dict[str, str], default: str) -> QComboBox:
    combo = QComboBox()
    for value, text in choices.items():
        combo.addItem(text, value)
    combo.setCurrentText(choices[default])
    return combo

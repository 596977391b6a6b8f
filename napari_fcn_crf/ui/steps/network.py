"""Network (step 2): architecture, backbone, and the weights it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.ui.actions import network_actions
from napari_fcn_crf.ui.sections.network_choice import NetworkChoice
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.weights.download import PUBLISHED
from napari_fcn_crf.weights.formats.table import endings

_WEIGHTS_FILES = f"VGG-16 weights ({' '.join(f'*{ending}' for ending in endings())})"


class NetworkStep(Step):
    """Choose architecture, backbone and weights, and load VGG weights from a file."""

    title: ClassVar[str] = "Network"
    page: ClassVar[str] = "networks"
    kinds: ClassVar[frozenset[str]] = frozenset({"weights", "download"})

    def build(self) -> None:
        self.choice = NetworkChoice(self.session)
        self.architecture = self.choice.architecture
        self.backbone = self.choice.backbone
        self.weights = self.choice.weights
        self.body.addWidget(self.choice)
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

    def changes(self) -> tuple[SignalInstance, ...]:
        return (
            self.session.choices.training_changed,
            self.session.models.weights_changed,
            self.session.runner.changed,
        )

    def summary(self) -> str:
        return self.choice.summary()

    def update_controls(self) -> None:
        self.choice.update_choices()
        self.load_button.show_state("", "Start from a file of VGG-16 weights that you have.", False)
        self.download_button.show_state(
            "", "ImageNet weights as Keras publishes them, kept in the weights folder.", False
        )
        chosen, checked = self.session.choices.training, self.session.models.weights
        self.download_button.setVisible(chosen["backbone"] == "vgg16")
        is_used = checked is not None and chosen["weights"] == checked.path
        self.found.setVisible(is_used)
        if checked is not None:
            self.found.setText(f"{checked.path.name}: {checked.description}")

    def _on_load_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            "Load VGG weights",
            compute_settings().weights_folder,
            f"{_WEIGHTS_FILES};;All files (*)",
        )
        if name:
            network_actions.load_weights(self.session, Path(name))

"""Predict (step 4): probabilities for the image, and the model as a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_fcn_crf.ui.actions import live_actions, network_actions
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.viewer.ownership import is_current

_MODEL_FILES = "Models (*.keras)"


class PredictStep(Step):
    """Predict the chosen image with the trained or opened model."""

    title: ClassVar[str] = "Predict"
    kinds: ClassVar[frozenset[str]] = frozenset({"predict"})

    def build(self) -> None:
        self.model_text = self.add_text()
        self.open_button = QPushButton("Open model…")
        self.open_button.setToolTip("Use a model that was trained and saved before.")
        self.open_button.clicked.connect(self._on_open_clicked)
        self.save_button = QPushButton("Save model…")
        self.save_button.clicked.connect(self._on_save_clicked)
        self.add_row(self.open_button, self.save_button)
        self.predict_button = RunButton(
            self.session, "predict", "Predict", lambda: network_actions.predict(self.session)
        )
        self.kept.addWidget(self.predict_button)

    def changes(self) -> tuple[SignalInstance, ...]:
        return (
            self.session.models.model_changed,
            self.session.selection.image_changed,
            self.session.meaning.changed,
            self.session.selection.sources_changed,
            self.session.runner.changed,
            self.session.live.changed,
        )

    def summary(self) -> str:
        return self.model_text.text()

    def update_controls(self) -> None:
        selection, model = self.session.selection, self.session.models.model
        if model is None:
            self.model_text.setText("Model: none yet.")
            problem = "Train a model first, or open one."
        else:
            saved = "" if model.is_saved else " (not saved)"
            self.model_text.setText(f"Model: {model.name}{saved}, {model.card.n_classes} classes")
            problem = "" if selection.image is not None else "Open an image first."
        can_save = model is not None or self.session.live.layer is not None
        self.save_button.setEnabled(can_save)
        self.save_button.setToolTip(
            "Keep this model in a file." if can_save else "There is no model to save yet."
        )
        self.predict_button.show_state(
            problem,
            "Find the classes in the whole image: how probable each is at every pixel.",
            is_next=model is not None
            and not any(map(is_current, selection.sources))
            and not self.session.has_new_strokes,
        )

    def _on_open_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open model", "", _MODEL_FILES)
        if name:
            self.attempt(lambda: network_actions.open_model(self.session, Path(name)))

    def _on_save_clicked(self) -> None:
        model = self.session.models.model
        suggested = "" if model is None else model.name
        name, _ = QFileDialog.getSaveFileName(self, "Save model", suggested, _MODEL_FILES)
        if name:
            target = Path(name).with_suffix(".keras")
            if self.session.live.is_on:
                # The model of the strokes there are now.
                session = self.session
                self.attempt(
                    lambda: live_actions.keep_model(session, lambda: session.models.save(target))
                )
            else:
                self.attempt(lambda: self.session.models.save(target))

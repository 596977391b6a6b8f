"""Predict (step 4): probabilities for the image, and the model as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_fcn_crf.ui.actions import (
    folder_actions,
    live_actions,
    model_file_actions,
    network_actions,
    open_images_actions,
    result_actions,
)
from napari_fcn_crf.ui.actions.prediction_input import prediction_problem
from napari_fcn_crf.ui.sections.image_table_view import ImageTableView
from napari_fcn_crf.ui.sections.many_choice import ManyChoiceControls
from napari_fcn_crf.ui.session.image_table import Row
from napari_fcn_crf.ui.session.many_images import Extent
from napari_fcn_crf.ui.session.model_store import TrainedModel
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.viewer.growing_layers import is_large
from napari_fcn_crf.ui.viewer.ownership import is_current

_MODEL_FILES = "Models (*.keras)"
_OTHERS_FILES = "bioimage.io package (*.zip);;ONNX (*.onnx);;TorchScript (*.pt)"

_TIPS: dict[Extent, str] = {
    "image": "Find the classes in the whole image: how probable each is at every pixel.",
    "slice": "Find the classes in the slice on the screen; other slices that were predicted stay.",
    "open": "Find the classes in each image that is open; the results are layers.",
    "folder": "Find the classes in each image of the folder that is not done yet; the results are "
    "files.",
}

_CANCEL_TIPS = {
    True: "End this now; nothing is changed then.",
    False: "End this now; what is done stays, and Predict then does the rest.",
}
"""By whether it is of one image that is not done block by block."""


class PredictStep(Step):
    """Predict the chosen image with the trained or opened model."""

    title: ClassVar[str] = "Predict"
    kinds: ClassVar[frozenset[str]] = frozenset({"predict", "export model"})

    def build(self) -> None:
        self.model_text = self.add_text()
        self.open_button = QPushButton("Open model…")
        self.open_button.setToolTip("Use a model that was trained and saved before.")
        self.open_button.clicked.connect(self._on_open_clicked)
        self.save_button = QPushButton("Save model…")
        self.save_button.clicked.connect(self._on_save_clicked)
        self.add_row(self.open_button, self.save_button)
        self.export_button = RunButton(
            self.session, "export model", "Export model…", self._on_export_clicked
        )
        self.body.addWidget(self.export_button)
        self.many = ManyChoiceControls(self.session)
        self.body.addWidget(self.many)
        self.predict_button = RunButton(self.session, "predict", "Predict", self._predict)
        self.kept.addWidget(self.predict_button)
        self.images = ImageTableView(self.session.many.table, self._on_row_clicked)
        self.below.addWidget(self.images)

    def changes(self) -> tuple[SignalInstance, ...]:
        return (
            self.session.models.model_changed,
            self.session.selection.image_changed,
            self.session.meaning.changed,
            self.session.selection.sources_changed,
            self.session.runner.changed,
            self.session.live.changed,
            self.session.many.changed,
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
            problem = self._what_is_missing(model)
        can_save = model is not None or self.session.live.layer is not None
        self.save_button.setEnabled(can_save)
        self.save_button.setToolTip(
            "Keep this model in a file." if can_save else "There is no model to save yet."
        )
        self.export_button.show_state(
            "" if can_save else "There is no model to export yet.",
            "Write this model for other programs: a bioimage.io package, ONNX or TorchScript.",
            is_next=False,
        )
        extent = self.session.many.choice.extent
        self.predict_button.cancel_tip = _CANCEL_TIPS[extent == "image" and not self._is_large()]
        self.predict_button.show_state(
            problem,
            _TIPS[extent],
            is_next=model is not None
            and not any(map(is_current, selection.sources))
            and not self.session.has_new_strokes,
        )

    def _what_is_missing(self, model: TrainedModel) -> str:
        choice, selection = self.session.many.choice, self.session.selection
        if choice.extent == "folder":
            return "" if choice.folder else "Choose a folder of images first."
        if selection.image is None:
            return "Open an image first, or choose a folder to predict."
        return prediction_problem(model, selection) if choice.extent == "image" else ""

    def _is_large(self) -> bool:
        image = self.session.selection.image
        try:
            return image is not None and is_large(image, self.session.selection.picture())
        except ValueError:  # told when it is predicted
            return False

    def _predict(self) -> None:
        extent = self.session.many.choice.extent
        if extent == "folder":
            folder_actions.predict_folder(self.session)
        elif extent == "open":
            open_images_actions.predict_open_images(self.session)
        else:
            network_actions.predict(self.session, slice_only=extent == "slice")

    def _on_row_clicked(self, row: Row) -> None:
        self.attempt(lambda: result_actions.show_result(self.session, row))

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
            self._with_latest(lambda: self.session.models.save(target))

    def _on_export_clicked(self) -> None:
        model = self.session.models.model
        suggested = "" if model is None else Path(model.name).with_suffix(".zip").name
        name, chosen = QFileDialog.getSaveFileName(self, "Export model", suggested, _OTHERS_FILES)
        if not name:
            return
        path = Path(name)
        if not path.suffix:
            path = path.with_suffix(chosen.partition("*")[2].rstrip(")"))
            # The dialog asked about the name that was typed.
            if path.exists():
                raise ValueError(
                    f"There is a {path.name} already. Choose another name, or type this."
                )
        self._with_latest(lambda: model_file_actions.export_model(self.session, path))

    def _with_latest(self, action: Callable[[], None]) -> None:
        """Do something with the model, while Live is on with that of the strokes there are now."""
        if self.session.live.is_on:
            self.attempt(lambda: live_actions.keep_model(self.session, action))
        else:
            self.attempt(action)

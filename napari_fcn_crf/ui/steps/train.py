"""Train (step 3): watch it, stop at any time, go on."""

from __future__ import annotations

from typing import ClassVar

from napari.utils.notifications import show_warning
from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_fcn_crf.compute.training_request import TrainingRequest
from napari_fcn_crf.data.label_doubts import DoubtfulLabelsError
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.actions import network_actions
from napari_fcn_crf.ui.sections.meaning_choice import in_the_dock
from napari_fcn_crf.ui.sections.training_controls import TrainingControls
from napari_fcn_crf.ui.sections.training_curve import TrainingCurve
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.step import RunButton, Step


class TrainStep(Step):
    """Train the network chosen in step 2 on what was annotated in step 1."""

    title: ClassVar[str] = "Train"

    def __init__(self, session: Session, network: NetworkStep, number: int = 0) -> None:
        self._network = network
        self._asked_about: object = None
        super().__init__(session, number)

    def build(self) -> None:
        self.controls = TrainingControls()
        self.body.addWidget(self.controls)
        self.preview_box = QCheckBox("Show a preview while training")
        self.preview_box.setToolTip("What the network would predict now, once a second at most.")
        self.preview_box.setChecked(True)
        self.body.addWidget(self.preview_box)
        self.train_button = RunButton(self.session, "train", "Train", self._on_train_clicked)
        self.body.addWidget(self.train_button)
        self.continue_button = QPushButton("Continue")
        self.continue_button.clicked.connect(self._on_continue_clicked)
        self.body.addWidget(self.continue_button)
        self.curve = TrainingCurve(self.session)
        self.body.addWidget(self.curve)
        self.verdict = self.add_text()
        self.session.runner.progressed.connect(self._on_progressed)
        self.session.runner.failed.connect(self._on_failed)

    def settings(self) -> TrainingSettings:
        """Return what the controls of steps 2 and 3 say."""
        return TrainingSettings(
            architecture=self._network.architecture.currentData(),
            backbone=self._network.backbone.currentData(),
            weights=self._network.chosen_weights(),
            labels=self.session.selection.label_mode,
            ignore_label=self.session.selection.ignore_label,
            trust_labels=self._is_answered(),
            **self.controls.values(),
        )

    def _request(self) -> TrainingRequest:
        return TrainingRequest(
            self.settings(),
            preview=self.preview_box.isChecked(),
            tensorboard=self.controls.tensorboard.run_folder(),
        )

    def changes(self) -> tuple[SignalInstance, ...]:
        selection = self.session.selection
        return (
            selection.image_changed,
            selection.annotation_changed,
            selection.pairs_changed,
            self.session.models.model_changed,
            self.session.runner.changed,
        )

    def update_controls(self) -> None:
        selection, model = self.session.selection, self.session.models.model
        problem = "The labels are still being counted." if selection.is_guessing else ""
        if not selection.pairs and not selection.file_pairs:
            if selection.image is None:
                problem = "Open an image first."
            elif selection.annotation is None:
                problem = "Paint a labels layer first."
        self.train_button.text = "Train anyway" if self._is_answered() else "Train"
        self.train_button.show_state(
            problem, "Train on the labels of step 1.", is_next=model is None
        )
        is_idle = self.session.runner.activity is None
        self.continue_button.setVisible(model is not None and is_idle)
        self.continue_button.setEnabled(not problem)
        self.continue_button.setToolTip(
            problem or "Train the current model for as many iterations more."
        )
        self.curve.update_curve()
        self.verdict.setVisible(model is not None)
        if model is not None and model.card.losses:
            losses = model.card.losses
            self.verdict.setText(
                f"Trained for {len(losses)} iterations, loss {losses[0]:.3g} → {losses[-1]:.3g}."
            )

    def _ask(self) -> bool:
        """Ask about labels that look like something else; the next press is the answer."""
        doubt = self.session.selection.doubt
        if doubt is None or self._is_answered():
            return False
        self._asked_about = self._meant()
        show_warning(f"{in_the_dock(doubt)} Press Train anyway for that.")
        self.update_controls()
        return True

    def _is_answered(self) -> bool:
        return self._asked_about == self._meant()

    def _meant(self) -> object:
        """Return what a question is about; of anything else there may be another."""
        chosen = self.session.selection
        meaning = (chosen.label_mode, chosen.ignore_label)
        return (chosen.image, chosen.annotation, *meaning, chosen.pairs, chosen.file_pairs)

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, DoubtfulLabelsError):
            # In labels that are counted only now, as those of other images.
            self._asked_about = self._meant()

    def _on_train_clicked(self) -> None:
        if self._ask():
            return
        self.curve.clear()
        network_actions.train(self.session, self._request())

    def _on_continue_clicked(self) -> None:
        if self._ask():
            return
        self.attempt(lambda: network_actions.go_on_training(self.session, self._request()))

    def _on_progressed(self, latest: Progress) -> None:
        if latest.loss is not None:
            self.curve.append(latest)

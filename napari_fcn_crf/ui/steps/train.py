"""Train (step 3): watch it, stop at any time, go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_fcn_crf.compute.training_request import TrainingRequest
from napari_fcn_crf.data.label_doubts import DoubtfulLabelsError
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.actions import network_actions
from napari_fcn_crf.ui.actions.training_input import training_problem
from napari_fcn_crf.ui.sections.meaning_choice import in_the_dock
from napari_fcn_crf.ui.sections.training_controls import TrainingControls
from napari_fcn_crf.ui.sections.training_curve import TrainingCurve
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.steps.run_button import MEASURES, RunButton
from napari_fcn_crf.ui.steps.step import Step


class TrainStep(Step):
    """Train the network chosen in step 2 on what was annotated in step 1."""

    title: ClassVar[str] = "Train"
    page: ClassVar[str] = "parameters"
    kinds: ClassVar[frozenset[str]] = frozenset({"train"})

    def __init__(self, session: Session, number: int = 0) -> None:
        self._asked_about: object = None
        super().__init__(session, number)

    def build(self) -> None:
        choices = self.session.choices
        self.controls = TrainingControls()
        self._show_choices()
        self.controls.changed.connect(lambda changes: choices.choose_training(**changes))
        choices.training_changed.connect(self._show_choices)
        self.body.addWidget(self.controls)
        self.preview_box = QCheckBox("Show a preview while training")
        self.preview_box.setChecked(choices.shows_preview)
        self.preview_box.toggled.connect(choices.choose_preview)
        self.body.addWidget(self.preview_box)
        self.train_button = RunButton(self.session, "train", "Train", self._on_train_clicked)
        self.train_button.cancel_tip = "End this now; what was learnt so far is kept."
        self.kept.addWidget(self.train_button)
        self.continue_button = QPushButton("Continue")
        self.continue_button.clicked.connect(self._on_continue_clicked)
        self.kept.addWidget(self.continue_button)
        self.curve = TrainingCurve(self.session)
        self.curve.setToolTip(MEASURES)
        self.below.addWidget(self.curve)
        self.verdict = self.add_text(self.below)
        self.session.runner.progressed.connect(self._on_progressed)
        self.session.runner.failed.connect(self._on_failed)

    def settings(self) -> TrainingSettings:
        """Return what is chosen in steps 1 to 3."""
        self.controls.take_typed()
        return TrainingSettings(
            **self.session.choices.training,
            labels=self.session.meaning.mode,
            ignore_label=self.session.meaning.ignore_label,
            trust_labels=self._is_answered(),
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
            self.session.pairs.changed,
            self.session.meaning.changed,
            self.session.models.model_changed,
            self.session.choices.training_changed,
            self.session.runner.changed,
        )

    def summary(self) -> str:
        model = self.session.models.model
        if model is None:
            steps = self.session.choices.iterations
            return _counted(steps) if steps else "At once, without iterations"
        if self.session.has_new_strokes:
            return "New strokes since: train again."
        losses = model.card.losses
        return f"{_trained(losses)}, loss {losses[-1]:.3g}" if losses else _SOLVED

    def update_controls(self) -> None:
        model, problem = self.session.models.model, self._problem()
        self.train_button.text = "Train anyway" if self._is_answered() else "Train"
        is_behind = self.session.has_new_strokes
        self.train_button.show_state(
            problem, "Train on the labels of step 1.", is_next=model is None or is_behind
        )
        is_idle = self.session.runner.activity is None
        self.continue_button.setVisible(model is not None and is_idle)
        self.continue_button.setEnabled(not problem)
        more = _counted(self.session.choices.iterations_more)
        self.continue_button.setToolTip(problem or f"Train the current model on, for {more} more.")
        learns_in_steps = self.session.choices.iterations > 0
        self.preview_box.setEnabled(learns_in_steps)
        self.preview_box.setToolTip(_PREVIEWED if learns_in_steps else _NOT_PREVIEWED)
        self.curve.update_curve()
        self.verdict.setVisible(model is not None)
        if model is not None:
            losses = model.card.losses
            course = f", loss {losses[0]:.3g} → {losses[-1]:.3g}" if losses else ""
            self.verdict.setText(f"{_trained(losses) if losses else _SOLVED}{course}.")

    def _problem(self) -> str:
        """Return why Train cannot be pressed, as step 1 says it; empty if it can."""
        selection = self.session.selection
        if not self.session.pairs:
            if selection.image is None:
                return "Open an image first."
            if selection.annotation is None:
                return "Press New labels and paint first."
        if self.session.meaning.is_guessing:
            return "The labels are still being counted."
        return training_problem(self.session)

    def _show_choices(self) -> None:
        choices = self.session.choices
        self.controls.show_values({**choices.training, "iterations": choices.iterations})

    def _ask(self) -> bool:
        """Ask about labels that look like something else; the next press is the answer."""
        doubt = self.session.meaning.doubt
        if doubt is None or self._is_answered():
            return False
        self._asked_about = self._meant()
        tell(f"{in_the_dock(doubt)} Press Train anyway for that.", "warning")
        self.train_button.hold()
        self.update_controls()
        return True

    def _is_answered(self) -> bool:
        return self._asked_about == self._meant()

    def _meant(self) -> object:
        """Return what a question is about; of anything else there may be another."""
        chosen = self.session.selection
        meaning, pairs = self.session.meaning, self.session.pairs
        meant = (meaning.mode, meaning.ignore_label)
        return (chosen.image, chosen.annotation, *meant, pairs.layers, pairs.files)

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


_SOLVED = "Solved at once"

_PREVIEWED = "Show over the image what the network finds so far, once a second at most."
_NOT_PREVIEWED = (
    "There is nothing to preview: with 0 iterations all is solved at once. Choose some iterations "
    "above to watch the network learn."
)


def _trained(losses: Sequence[float]) -> str:
    return f"Trained for {_counted(len(losses))}"


def _counted(iterations: int) -> str:
    return f"{iterations:,} iterations".replace(",", " ")

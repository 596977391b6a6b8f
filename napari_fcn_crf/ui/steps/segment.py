"""Segment: labels that follow the brush, or with one click, at the top of the dock."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QCheckBox

from napari_fcn_crf.ui.actions import live_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.actions.training_input import training_problem
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step


class SegmentStep(Step):
    """Live, and all of train, predict and refine in one.

    Parameters
    ----------
    session : Session
    options : callable
        Returns what a refinement may change, as it is set at this moment.
    """

    title: ClassVar[str] = "Segment"
    kinds: ClassVar[frozenset[str]] = frozenset({"segment"})

    def __init__(self, session: Session, options: Callable[[], RefinementOptions]) -> None:
        self._options = options
        super().__init__(session)
        self.heading.hide()

    def build(self) -> None:
        self.live_box = QCheckBox("Live: labels follow the brush")
        self.live_box.setStyleSheet("font-weight: bold;")
        self.live_box.toggled.connect(self._on_live_toggled)
        self.kept.addWidget(self.live_box)
        self.status = self.add_text(self.kept)
        self.segment_button = RunButton(self.session, "segment", "Segment", self._on_segment)
        self.kept.addWidget(self.segment_button)

    def changes(self) -> tuple[SignalInstance, ...]:
        selection = self.session.selection
        return (
            selection.image_changed,
            selection.annotation_changed,
            self.session.pairs.changed,
            self.session.meaning.changed,
            self.session.live.changed,
            self.session.runner.changed,
        )

    def update_controls(self) -> None:
        live, selection = self.session.live, self.session.selection
        problem = "" if selection.image is not None else "Open an image first."
        self.live_box.blockSignals(True)
        self.live_box.setChecked(live.is_on)
        self.live_box.blockSignals(False)
        self.live_box.setEnabled(live.is_on or not problem)
        self.live_box.setToolTip(
            problem
            or "Paint, and the refined labels of what you see follow each stroke (Shift-F). "
            "Switched off, they become a layer of their own, and the model can be saved."
        )
        said = [live.status]
        if live.is_on and self.session.pairs.files:
            said.append("Of pairs in files Live knows nothing: Segment and Train learn from them.")
        self.status.setText(" ".join(filter(None, said)))
        self.status.setVisible(any(said))
        if not problem and selection.annotation is None:
            problem = "Press New labels and paint first."
        elif not problem and self.session.meaning.is_guessing:
            problem = "The labels are still being counted."
        self.segment_button.show_state(
            problem or training_problem(self.session),
            "Train, predict and refine in one go. Each of them is below, too.",
            is_next=False,
        )

    def leave(self) -> None:
        live_actions.end(self.session)

    def _on_live_toggled(self, is_on: bool) -> None:
        if is_on:
            self.attempt(self.session.live.begin)
        else:
            self.attempt(lambda: live_actions.end(self.session))
        self.update_controls()

    def _on_segment(self) -> None:
        live_actions.segment(self.session, self._options())

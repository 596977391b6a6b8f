"""Refine (step 5): from probabilities to clean labels with the dense CRF."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QSpinBox, QWidget

from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.ui.actions import refine_actions
from napari_fcn_crf.ui.sections.check_section import CleanupSection, UncertaintySection
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.compare import Compare
from napari_fcn_crf.ui.sections.crf_controls import CRFControls
from napari_fcn_crf.ui.sections.export_section import ExportSection
from napari_fcn_crf.ui.sections.live_preview import LivePreview
from napari_fcn_crf.ui.sections.own_labels import OwnLabels
from napari_fcn_crf.ui.sections.restriction import Restriction
from napari_fcn_crf.ui.sections.result_view import ResultView
from napari_fcn_crf.ui.sections.source_choice import SourceChoice
from napari_fcn_crf.ui.sections.stroke_offer import StrokeOffer
from napari_fcn_crf.ui.session.lifetime import while_alive
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.viewer.ownership import is_current

if TYPE_CHECKING:
    from napari_fcn_crf.crf.tuning.edge_sensitivity import TuningResult

_TUNING_SECONDS = 20


class RefineStep(Step):
    """Refine probabilities with a fully connected CRF, tune it, compare, correct."""

    title: ClassVar[str] = "Refine (CRF)"
    page: ClassVar[str] = "refinement"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {"refine", "tune", "uncertainty", "cleanup", "export"}
    )

    def build(self) -> None:
        session = self.session
        self.source_choice = SourceChoice(session)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Source", self.source_choice)
        self.body.addLayout(form)

        self.earlier = self.add_text()
        self.earlier.setText("This source is of an earlier model. Press Predict for the latest.")
        self.refine_button = RunButton(session, "refine", "Refine", self._on_refine_clicked)
        self.kept.addWidget(self.refine_button)
        self.offer = StrokeOffer(session, self.attempt)
        self.kept.addWidget(self.offer)
        self.view = ResultView(session)
        self.below.addWidget(self.view)
        self.compare = Compare(session)
        self.kept.addWidget(self.compare)
        self.own_labels = OwnLabels(session)
        self.kept.addWidget(self.own_labels)

        self.controls = CRFControls()
        self.controls.set_settings(session.choices.crf)
        self.restriction = Restriction(session)
        self.preview = LivePreview(session, self.controls.settings, self.restriction.options, self)
        self.preview_box = QCheckBox("Live preview of what is on the screen")
        self.preview_box.setToolTip("Follow the sliders; Refine then does the whole image.")
        self.tune_button = RunButton(session, "tune", "Tune on annotations", self._on_tune_clicked)
        self.budget_s = QSpinBox()
        self.budget_s.setRange(2, 600)
        self.budget_s.setValue(_TUNING_SECONDS)
        self.budget_s.setSuffix(" s")
        self.budget_s.setToolTip("How long to search.")
        tune = collapsible("Tune")
        tune.addWidget(self.preview_box)
        tune.addWidget(self.controls)
        tuning = QWidget()
        row = QHBoxLayout(tuning)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.tune_button, 1)
        row.addWidget(self.budget_s)
        tune.addWidget(tuning)
        self.below.addWidget(tune)
        self.tuned = self.add_text(self.below)
        self.tuned.hide()

        self.uncertainty = UncertaintySection(session, self.attempt)
        self.cleanup = CleanupSection(session, self.attempt)
        self.export = ExportSection(session, self.attempt)
        for title, widget in (
            ("Restrict", self.restriction),
            ("Uncertainty", self.uncertainty),
            ("Clean up", self.cleanup),
            ("Export", self.export),
        ):
            section = collapsible(title)
            section.addWidget(widget)
            self.below.addWidget(section)

        self.preview_box.toggled.connect(self.preview.set_enabled)
        self.controls.changed.connect(self._on_settings_changed)
        session.choices.crf_changed.connect(self._on_settings_chosen)
        self.controls.keep_with_model.connect(
            lambda settings: self.attempt(lambda: session.models.keep_settings(settings))
        )
        self.restriction.changed.connect(self.preview.source_changed)
        # Compiling takes a while on a computer's first use; not on the first click.
        refinement.prepare()

    def changes(self) -> tuple[SignalInstance, ...]:
        selection = self.session.selection
        return (
            selection.image_changed,
            selection.annotation_changed,
            self.session.meaning.changed,
            selection.sources_changed,
            self.session.models.model_changed,
            self.session.results.changed,
            self.session.runner.changed,
        )

    def summary(self) -> str:
        sources = self.session.selection.sources
        return ", ".join(layer.name for layer in sources) or "Press Predict first."

    def update_controls(self) -> None:
        selection, model = self.session.selection, self.session.models.model
        self.controls.offer_of_model(None if model is None else model.card.crf)
        is_latest = all(map(is_current, selection.sources))
        is_guessing = self.session.meaning.is_guessing
        problem = "The labels are still being counted." if is_guessing else ""
        if selection.image is None:
            problem = "Open an image first."
        elif not selection.sources:
            problem = "Press Predict first, or choose a source."
        self.refine_button.show_state(
            problem,
            "Make labels of the probabilities whose outlines follow the image's edges.",
            is_next=self.session.results.refined is None
            and is_latest
            and not self.session.has_new_strokes,
        )
        self.earlier.setVisible(not is_latest)
        if not problem and selection.annotation is None:
            problem = "Paint some strokes of each class first."
        self.tune_button.show_state(
            problem,
            "Search the edge sensitivity with which your own strokes are found best.",
            False,
        )

    def showEvent(self, event: QShowEvent | None) -> None:
        """Preview again what was previewed when the dock was hidden."""
        super().showEvent(event)
        self.preview.set_enabled(self.preview_box.isChecked())

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Preview nothing that no control is seen of; a window that is minimised keeps it."""
        super().hideEvent(event)
        if event is not None and not event.spontaneous():
            self.leave()

    def leave(self) -> None:
        self.preview.set_enabled(False)

    def _on_settings_changed(self) -> None:
        self.session.choices.choose_crf(self.controls.settings())
        self.preview.request()

    def _on_settings_chosen(self) -> None:
        if self.controls.settings() != self.session.choices.crf:
            self.controls.set_settings(self.session.choices.crf)

    def _on_refine_clicked(self) -> None:
        self.preview_box.setChecked(False)
        refine_actions.refine(self.session, self.controls.settings(), self.restriction.options())

    def _on_tune_clicked(self) -> None:
        refine_actions.tune(
            self.session,
            self.controls.settings(),
            self.restriction.options(),
            self.budget_s.value(),
            while_alive(self._on_tuned),
        )

    def _on_tuned(self, result: TuningResult) -> None:
        before = self.controls.settings().bilateral_sigma_intensity
        after = result.settings.bilateral_sigma_intensity
        self.controls.set_settings(result.settings)
        if result.score_after == result.score_before:
            outcome = f"Nothing tried of {result.trials} was clearly better: settings unchanged."
        else:
            outcome = f"Edge sensitivity {before:.1f} → {after:.1f}, after {result.trials} trials."
        self.tuned.setText(
            f"Score on held-out strokes (1 is perfect): {result.score_before:.3f} → "
            f"{result.score_after:.3f}. {outcome}"
        )
        self.tuned.show()

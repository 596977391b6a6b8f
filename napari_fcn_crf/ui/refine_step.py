"""Step 5: from probabilities to clean labels with the dense CRF."""

from __future__ import annotations

from typing import ClassVar

from magicgui.widgets import ComboBox, Container, FloatSpinBox, SpinBox
from qtpy.QtWidgets import QFormLayout

from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui import actions, layers
from napari_fcn_crf.ui.layer_choice import LayerChoice
from napari_fcn_crf.ui.step import RunButton, Step, collapsible

_NAMES = (
    ("gaussian_sigma_px", "Smoothness (px)", "Radius within which neighbours agree (θγ)."),
    ("gaussian_weight", "Smoothness weight", "How strongly neighbours agree (w2)."),
    ("bilateral_sigma_px", "Edge radius (px)", "How far alike pixels pull each other (θα)."),
    (
        "bilateral_sigma_intensity",
        "Edge sensitivity",
        "Grey levels, of 255, over which pixels still count as alike (θβ); less follows fainter "
        "edges.",
    ),
    ("bilateral_weight", "Edge weight", "How strongly alike pixels pull each other (w1)."),
)


class RefineStep(Step):
    """Refine a probability layer with a fully connected CRF."""

    title: ClassVar[str] = "Refine (CRF)"

    def build(self) -> None:
        session = self.session
        self.source_choice = LayerChoice(
            session,
            layers.is_probabilities,
            lambda: session.probabilities,
            self._on_source_chosen,
            "press Predict first",
        )
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Source", self.source_choice)
        self.body.addLayout(form)
        defaults = CRFSettings()
        self._controls = {
            name: FloatSpinBox(
                value=getattr(defaults, name),
                min=0 if name.endswith("weight") else 0.5,
                max=1000,
                step=1,
                label=label,
                tooltip=tooltip,
            )
            for name, label, tooltip in _NAMES
        }
        self._controls["iterations"] = SpinBox(
            value=defaults.iterations,
            min=0,
            max=100,
            label="Iterations",
            tooltip="Of the mean field.",
        )
        self._controls["engine"] = ComboBox(
            value=defaults.engine,
            choices=["builtin", "pydensecrf"],
            label="Engine",
            tooltip="builtin needs nothing; pydensecrf is the reference, if it is installed.",
        )
        tune = collapsible("Tune")
        self._tune = Container(widgets=list(self._controls.values()))
        tune.addWidget(self._tune.native)
        self.body.addWidget(tune)
        self.refine_button = RunButton(session, "refine", "Refine", self._on_refine_clicked)
        self.body.addWidget(self.refine_button)
        self.verdict = self.add_text()

    def settings(self) -> CRFSettings:
        """Return what the controls say."""
        return CRFSettings(**{name: control.value for name, control in self._controls.items()})

    def update_controls(self) -> None:
        session = self.session
        problem = ""
        if session.image is None:
            problem = "Open an image first."
        elif session.probabilities is None:
            problem = "Press Predict first, or choose a probability layer."
        self.refine_button.show_state(
            problem,
            "Add a labels layer whose outlines follow the image's edges.",
            is_next=session.changed_by_refining is None,
        )
        changed = session.changed_by_refining
        self.verdict.setVisible(changed is not None)
        if changed is not None:
            self.verdict.setText(f"{changed:.1%} of the pixels changed.")

    def _on_source_chosen(self, layer: layers.Image) -> None:
        self.session.probabilities = layer
        self.session.changed_by_refining = None
        self.session.notify_changed()

    def _on_refine_clicked(self) -> None:
        actions.refine(self.session, self.settings())

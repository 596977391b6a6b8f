"""Step 3: train, watch the loss, stop at any time."""

from __future__ import annotations

from typing import Any, ClassVar

from magicgui.widgets import ComboBox, Container, FloatSpinBox, SpinBox

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui import actions
from napari_fcn_crf.ui.loss_curve import LossCurve
from napari_fcn_crf.ui.network_step import NetworkStep
from napari_fcn_crf.ui.session import Session
from napari_fcn_crf.ui.step import RunButton, Step, collapsible


class TrainStep(Step):
    """Train the network chosen in step 2 on what was annotated in step 1."""

    title: ClassVar[str] = "Train"

    def __init__(self, session: Session, network: NetworkStep, number: int = 0) -> None:
        self._network = network
        super().__init__(session, number)

    def build(self) -> None:
        defaults = TrainingSettings()
        self.iterations = SpinBox(
            value=defaults.iterations,
            min=1,
            max=100_000,
            label="Iterations",
            tooltip="Optimizer steps.",
        )
        self.learning_rate = FloatSpinBox(
            value=defaults.learning_rate,
            min=1e-7,
            max=1,
            step=1e-4,
            label="Learning rate",
            tooltip="Of the Adam optimizer (α).",
        )
        self.learning_rate.native.setDecimals(7)
        self.dropout = FloatSpinBox(
            value=defaults.dropout,
            min=0,
            max=0.95,
            step=0.05,
            label="Dropout",
            tooltip="Fraction of fc6 and fc7 left out at random in each step.",
        )
        self.class_weights = ComboBox(
            value=defaults.class_weights,
            choices=["balanced", "none"],
            label="Class weights",
            tooltip="balanced: a class with few strokes counts as much as one with many.",
        )
        self.loss_reduction = ComboBox(
            value=defaults.loss_reduction,
            choices=["mean", "sum"],
            label="Loss",
            tooltip="Mean or sum of the pixels' cross-entropies.",
        )
        self.seed = SpinBox(
            value=defaults.seed,
            min=0,
            max=2**31 - 1,
            label="Seed",
            tooltip="The same seed gives the same result on the same computer.",
        )
        self._main = Container(widgets=[self.iterations])
        self._main.margins = (0, 0, 0, 0)
        self.body.addWidget(self._main.native)
        more = collapsible("More")
        self._more = Container(
            widgets=[
                self.learning_rate,
                self.dropout,
                self.class_weights,
                self.loss_reduction,
                self.seed,
            ],
        )
        more.addWidget(self._more.native)
        self.body.addWidget(more)
        self.train_button = RunButton(self.session, "train", "Train", self._on_train_clicked)
        self.body.addWidget(self.train_button)
        self.curve = LossCurve(self.session)
        self.body.addWidget(self.curve)
        self.verdict = self.add_text()
        self.session.progressed.connect(self._on_progressed)

    def settings(self) -> TrainingSettings:
        """Return what the controls of steps 2 and 3 say."""
        values: dict[str, Any] = {
            "architecture": self._network.architecture.currentData(),
            "backbone": self._network.backbone.currentData(),
            "weights": self._network.chosen_weights(),
            "labels": self.session.label_mode,
        }
        for name in (
            "iterations",
            "learning_rate",
            "dropout",
            "class_weights",
            "loss_reduction",
            "seed",
        ):
            values[name] = getattr(self, name).value
        return TrainingSettings(**values)

    def update_controls(self) -> None:
        session = self.session
        problem = ""
        if session.pairs:
            pass
        elif session.image is None:
            problem = "Open an image first."
        elif session.annotation is None:
            problem = "Paint a labels layer first."
        self.train_button.show_state(
            problem, "Train on the labels of step 1.", is_next=session.model is None
        )
        self.curve.update_curve()
        model = session.model
        self.verdict.setVisible(model is not None)
        if model is not None and model.card.losses:
            self.verdict.setText(
                f"Trained for {len(model.card.losses)} iterations, loss "
                f"{model.card.losses[0]:.3g} → {model.card.losses[-1]:.3g}."
            )

    def _on_train_clicked(self) -> None:
        self.curve.clear()
        actions.train(self.session, self.settings())

    def _on_progressed(self, latest: Any) -> None:
        if latest.loss is not None:
            self.curve.append(latest.current, latest.loss)

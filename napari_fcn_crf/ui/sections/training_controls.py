"""Training settings as controls; what most people need not see is under More."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.tensorboard_choice import TensorBoardChoice

_MODES = [
    ("automatic", "auto"),
    ("quick: only the head", "quick"),
    ("full: every layer", "full"),
]


class TrainingControls(QWidget):
    """Controls for `TrainingSettings`, but for network, weights and labels."""

    def __init__(self) -> None:
        super().__init__()
        defaults = TrainingSettings()
        self.iterations = SpinBox(
            value=defaults.iterations,
            min=1,
            max=100_000,
            label="Iterations",
            tooltip="Optimizer steps.",
        )
        self._named: dict[str, Any] = {
            "iterations": self.iterations,
            "mode": ComboBox(
                value=defaults.mode,
                choices=_MODES,
                label="Mode",
                tooltip="Quick leaves the convolutions as they are and computes their features "
                "once; automatic is quick on a CPU with weights that were learnt before.",
            ),
            "validation_fraction": FloatSpinBox(
                value=defaults.validation_fraction,
                min=0,
                max=0.5,
                step=0.1,
                label="Held out",
                tooltip="Share of the strokes on which the result is measured instead of learnt.",
            ),
            "patience": SpinBox(
                value=defaults.patience,
                min=0,
                max=100_000,
                label="Patience",
                tooltip="Stop when nothing has improved for so many iterations; 0 never does.",
            ),
            "augment": CheckBox(
                value=defaults.augment,
                text="Turn and flip",
                label="",
                tooltip="Show the image turned and flipped as well.",
            ),
            "learning_rate": FloatSpinBox(
                value=defaults.learning_rate,
                min=1e-7,
                max=1,
                step=1e-4,
                label="Learning rate",
                tooltip="Of the Adam optimizer (α).",
            ),
            "dropout": FloatSpinBox(
                value=defaults.dropout,
                min=0,
                max=0.95,
                step=0.05,
                label="Dropout",
                tooltip="Fraction of fc6 and fc7 left out at random in each step.",
            ),
            "class_weights": ComboBox(
                value=defaults.class_weights,
                choices=["balanced", "none"],
                label="Class weights",
                tooltip="balanced: a class with few strokes counts as much as one with many.",
            ),
            "loss_reduction": ComboBox(
                value=defaults.loss_reduction,
                choices=["mean", "sum"],
                label="Loss",
                tooltip="Mean or sum of the pixels' cross-entropies.",
            ),
            "seed": SpinBox(
                value=defaults.seed,
                min=0,
                max=2**31 - 1,
                label="Seed",
                tooltip="The same seed gives the same result on the same computer.",
            ),
        }
        self._named["learning_rate"].native.setDecimals(7)
        self._main = Container(widgets=[self.iterations])
        self._main.margins = (0, 0, 0, 0)
        self._rest = Container(
            widgets=[w for w in self._named.values() if w is not self.iterations]
        )
        more = collapsible("More")
        more.addWidget(self._rest.native)
        self.tensorboard = TensorBoardChoice()
        more.addWidget(self.tensorboard)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._main.native)
        layout.addWidget(more)

    def values(self) -> dict[str, Any]:
        """Return what the controls say, by the settings' names."""
        return {name: control.value for name, control in self._named.items()}

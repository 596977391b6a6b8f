"""The training's settings as controls; what most people need not see is under More."""

from __future__ import annotations

from functools import partial
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, SpinBox
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.number_field import NumberField
from napari_fcn_crf.ui.sections.tensorboard_choice import TensorBoardChoice

_MODES = [
    ("automatic", "auto"),
    ("quick: only the head", "quick"),
    ("full: every layer", "full"),
]


_UNDER_MORE = (
    *("mode", "validation_fraction", "patience", "augment", "learning_rate", "dropout"),
    *("class_weights", "loss_reduction", "seed"),
)
_FRACTIONS = {
    "validation_fraction": (
        "Held out",
        "Share of the strokes on which the result is measured instead of learnt, up to 0.5.",
    ),
    "learning_rate": ("Learning rate", "Of the Adam optimizer (α)."),
    "dropout": ("Dropout", "Fraction of fc6 and fc7 left out at random in each step."),
}


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
        self._fractions = {name: getattr(defaults, name) for name in _FRACTIONS}
        self.fields: dict[str, NumberField] = {}
        self._main = Container(widgets=[self.iterations])
        self._main.margins = (0, 0, 0, 0)
        rest = QWidget()
        form = QFormLayout(rest)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        for name in _UNDER_MORE:
            form.addRow(*self._row(name))
        more = collapsible("More")
        more.addWidget(rest)
        self.tensorboard = TensorBoardChoice()
        more.addWidget(self.tensorboard)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._main.native)
        layout.addWidget(more)

    def values(self) -> dict[str, Any]:
        """Return what the controls say, by the settings' names."""
        for field in self.fields.values():
            field.take_typed()
        return {name: control.value for name, control in self._named.items()} | self._fractions

    def _row(self, name: str) -> tuple[QLabel, QWidget]:
        """Return a setting's label and what it is set with."""
        if name in _FRACTIONS:
            title, tooltip = _FRACTIONS[name]
            control = self.fields[name] = NumberField(title, partial(self._on_typed, name))
            control.show_number(self._fractions[name])
            control.setToolTip(tooltip)
        else:
            title, tooltip = self._named[name].label, self._named[name].tooltip
            control = self._named[name].native
        label = QLabel(title)
        label.setToolTip(tooltip)
        return label, control

    def _on_typed(self, name: str, value: float) -> None:
        TrainingSettings(**{name: value})  # refuses what is none
        self._fractions[name] = value
        self.fields[name].show_number(value)

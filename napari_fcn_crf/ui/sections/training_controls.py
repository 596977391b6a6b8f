"""Training settings: iterations, and behind "More" the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from magicgui.widgets import Container
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.settings_base import describe
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.number_field import NumberField
from napari_fcn_crf.ui.sections.setting_control import setting_control, tip_of
from napari_fcn_crf.ui.sections.tensorboard_choice import TensorBoardChoice

_UNDER_MORE = (
    "mode",
    "validation_fraction",
    "patience",
    "augment",
    "learning_rate",
    "dropout",
    "class_weights",
    "loss_reduction",
    "seed",
)
_TYPED = ("validation_fraction", "learning_rate", "dropout")
"""Numbers of any notation, which Qt's own boxes do not take."""


class TrainingControls(QWidget):
    """Controls for `TrainingSettings`, but for network, weights and labels.

    Attributes
    ----------
    changed : Signal of dict
        What somebody has set, by the settings' names.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._named = {
            name: setting_control(TrainingSettings, name)
            for name in ("iterations", *_UNDER_MORE)
            if name not in _TYPED
        }
        self.iterations = self._named["iterations"]
        self.iterations.native.setSpecialValueText("0: solved in closed form")
        self._typed = {name: getattr(TrainingSettings(), name) for name in _TYPED}
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
        for name, control in self._named.items():
            control.changed.connect(partial(self._on_set, name))

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show what is set elsewhere."""
        for name, control in self._named.items():
            if control.value != values[name]:
                with control.changed.blocked():
                    control.value = values[name]
        for name, field in self.fields.items():
            if self._typed[name] != values[name]:
                self._typed[name] = values[name]
                field.show_number(values[name])

    def take_typed(self) -> None:
        """Take numbers that are still being typed."""
        for field in self.fields.values():
            field.take_typed()

    def values(self) -> dict[str, Any]:
        """Return what the controls say, by the settings' names."""
        self.take_typed()
        return {name: control.value for name, control in self._named.items()} | self._typed

    def _row(self, name: str) -> tuple[QLabel, QWidget]:
        """Return a setting's label and what it is set with."""
        tip = tip_of(TrainingSettings, name)
        if name in _TYPED:
            title = str(describe(TrainingSettings)[name].options["label"])
            control = self.fields[name] = NumberField(title, partial(self._on_typed, name))
            control.show_number(self._typed[name])
            control.setToolTip(tip)
        else:
            title, control = self._named[name].label, self._named[name].native
        label = QLabel(title)
        label.setToolTip(tip)
        return label, control

    def _on_typed(self, name: str, value: Any) -> None:
        TrainingSettings(**{name: value})  # refuses what is none
        self._typed[name] = value
        self.fields[name].show_number(value)
        self.changed.emit({name: value})

    def _on_set(self, name: str, value: Any) -> None:
        self.changed.emit({name: value})

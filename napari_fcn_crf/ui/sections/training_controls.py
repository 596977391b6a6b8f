"""Training settings as controls; what most people need not see is under More."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.setting_control import setting_control
from napari_fcn_crf.ui.sections.tensorboard_choice import TensorBoardChoice

_NAMES = (
    "iterations",
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
"""The settings with a control, from top to bottom."""


class TrainingControls(QWidget):
    """Controls for `TrainingSettings`, but for network, weights and labels."""

    def __init__(self) -> None:
        super().__init__()
        self._named = {name: setting_control(TrainingSettings, name) for name in _NAMES}
        self.iterations = self._named["iterations"]
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

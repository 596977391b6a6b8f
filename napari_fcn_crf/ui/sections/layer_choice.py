"""Layer combo box that stays true as layers come, go and change names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.layers import layers_where


class LayerChoice(QComboBox):
    """Choose one of the layers for which something holds.

    Parameters
    ----------
    session : Session
    holds : callable
        Which layers are offered.
    get, choose : callable
        Read the choice from the session, and change it there.
    nothing : str
        Shown when there is no such layer.
    changed : Signal
        Announces another choice.
    """

    def __init__(
        self,
        session: Session,
        holds: Callable[[Layer], bool],
        get: Callable[[], Layer | None],
        choose: Callable[[Any], None],
        nothing: str,
        changed: SignalInstance,
    ) -> None:
        super().__init__()
        self._session = session
        self._holds = holds
        self._get = get
        self._choose = choose
        self._nothing = nothing
        self._layers: list[Layer] = []
        # A long layer name must not widen the dock.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._on_activated)
        update_after(self.update_choices, session.selection.layers_changed, changed)
        self.update_choices()

    def update_choices(self) -> None:
        """Show the layers there are now, and which one is chosen."""
        self._layers = layers_where(self._session.viewer, self._holds)
        chosen = self._get()
        self.clear()
        self.addItems([layer.name for layer in self._layers] or [self._nothing])
        self.setEnabled(bool(self._layers))
        if chosen in self._layers:
            self.setCurrentIndex(self._layers.index(chosen))
            self.setToolTip(chosen.name)
        elif self._layers:
            self.setCurrentIndex(-1)

    def _on_activated(self, index: int) -> None:
        if index < len(self._layers):
            self._choose(self._layers[index])

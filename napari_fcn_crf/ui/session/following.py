"""Following napari's layer list: who selects an image or labels there means these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from napari.utils.events import Event
from qtpy.QtCore import QObject

from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.runner import Runner
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.viewer.layer_picture import could_hold_classes_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Following(QObject):
    """Turns a selection to what is selected in napari's list, but never while work is under way.

    napari selects each layer that is added. An image that is opened is on the screen and meant;
    labels, and an image with an axis more, may as well be what another tool found in this one.
    """

    def __init__(
        self, viewer: Viewer, selection: Selection, runner: Runner, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._selection = selection
        self._runner = runner
        self._added: Layer | None = None
        self._forget_added = one_shot(self, 0, self._on_settled)
        follow(viewer.layers.events.inserted, self._on_inserted)
        selection.layers_selected.connect(self._on_selected)

    def _on_inserted(self, event: Event) -> None:
        self._added = event.value
        self._forget_added.start()

    def _on_settled(self) -> None:
        self._added = None

    def _on_selected(self) -> None:
        active = self._viewer.layers.selection.active
        is_meant = self._added is None or self._is_meant(active)
        if self._runner.activity is None and is_meant:
            self._selection.follow(active)

    def _is_meant(self, layer: Layer | None) -> bool:
        """Whether a layer, selected in the moment that one was added, is an image to work on."""
        # Another one is selected again by whoever adds a result.
        if layer is not self._added or not isinstance(layer, Image):
            return False
        image = self._selection.image
        return image is None or not could_hold_classes_of(layer, image)

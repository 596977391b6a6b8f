"""Watch of strokes on labels, and of other pixels in their images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.ui.session.lifetime import at_end_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class StrokeWatch(QObject):
    """Listens to any number of layers.

    Attributes
    ----------
    painted : Signal
        A stroke has ended.
    drawn : Signal
        Labels were drawn anew, which is the only word of a stroke that is undone.
    pixels_changed : Signal of Image
    """

    painted = Signal()
    drawn = Signal()
    pixels_changed = Signal(object)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._labels: list[Labels] = []
        self._images: list[Image] = []
        self._drawn_at: tuple[float, ...] = ()
        at_end_of(self, self.forget)

    def watch(self, pairs: Iterable[tuple[Image | None, Labels | None]]) -> None:
        """Listen to these layers, and to no others."""
        self.forget()
        self._drawn_at = tuple(self._viewer.dims.point)
        for image, labels in pairs:
            if labels is not None and labels not in self._labels:
                self._labels.append(labels)
                labels.events.paint.connect(self._on_painted)
                labels.events.data.connect(self._on_painted)
                labels.events.labels_update.connect(self._on_painted)
                labels.events.set_data.connect(self._on_drawn)
            if image is not None and image not in self._images:
                self._images.append(image)
                image.events.data.connect(self._on_pixels_changed)

    def forget(self) -> None:
        """Listen no longer."""
        for labels in self._labels:
            labels.events.paint.disconnect(self._on_painted)
            labels.events.data.disconnect(self._on_painted)
            labels.events.labels_update.disconnect(self._on_painted)
            labels.events.set_data.disconnect(self._on_drawn)
        for image in self._images:
            image.events.data.disconnect(self._on_pixels_changed)
        self._labels.clear()
        self._images.clear()

    def _on_painted(self, event: object = None) -> None:
        self.painted.emit()

    def _on_drawn(self, event: object = None) -> None:
        """Tell it from another slice."""
        before, self._drawn_at = self._drawn_at, tuple(self._viewer.dims.point)
        if self._drawn_at == before:
            self.drawn.emit()

    def _on_pixels_changed(self, event: Event) -> None:
        self.pixels_changed.emit(event.source)

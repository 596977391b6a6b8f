"""Misplaced strokes: painted on a result by mistake, and offered to be taken as annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.events import Event
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.picture import same_spatial_shape
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.lifetime import follow, while_alive
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.screen import Screen
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.layers import new_labels
from napari_fcn_crf.ui.viewer.ownership import image_of, is_ours, our_metadata
from napari_fcn_crf.ui.viewer.result_layers import OF_CLASSES
from napari_fcn_crf.ui.viewer.strokes import (
    forget_strokes,
    note_stroke,
    paint,
    strokes_on,
    take_back,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer


class MisplacedStrokes(QObject):
    """Notices strokes on results, which nothing learns from.

    Attributes
    ----------
    changed : Signal
        There are some, or no more.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: Viewer,
        selection: Selection,
        meaning: LabelMeaning,
        screen: Screen,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._selection = selection
        self._meaning = meaning
        self._screen = screen
        self._layer: Labels | None = None
        follow(viewer.layers.events.inserted, self._on_inserted)
        follow(viewer.layers.events.removed, self._on_removed)

    @property
    def layer(self) -> Labels | None:
        """The result that was painted on."""
        return self._layer

    def take(self) -> None:
        """Take the strokes as annotation; the result is what it was again.

        Raises
        ------
        ValueError
            If the annotation is of another shape, or cannot hold the labels.
        """
        layer = self._layer
        image = None if layer is None else image_of(self._viewer, layer)
        if layer is None or image is None:
            return
        if self._selection.image is not image:
            self._selection.choose_image(image)
        annotation = self._screen.annotation_of(image)
        if annotation is None:
            annotation = new_labels(self._viewer, image)
            self._selection.choose_annotation(annotation)
        if not same_spatial_shape(tuple(layer_array(annotation).shape), layer.data.shape):
            raise ValueError(
                f"'{annotation.name}' has another shape than '{layer.name}'. Choose the labels "
                "that were painted on its image."
            )
        strokes = strokes_on(layer)
        paint(annotation, strokes, also_zero=self._meaning.mode != "scribbles")
        take_back(layer, strokes)
        annotation.visible = True
        annotation.selected_label = layer.selected_label or annotation.selected_label
        annotation.brush_size = layer.brush_size
        self._viewer.layers.selection.active = annotation
        annotation.mode = "paint"
        self._show(None)

    def leave(self) -> None:
        """Leave them where they are; the result is kept when there is another."""
        if self._layer is not None:
            forget_strokes(self._layer)
        self._show(None)

    def _show(self, layer: Labels | None) -> None:
        self._layer = layer
        self.changed.emit()

    def _on_inserted(self, event: Event) -> None:
        layer = event.value
        if (
            isinstance(layer, Labels)
            and is_ours(layer)
            and our_metadata(layer)["kind"] in OF_CLASSES
        ):
            follow(layer.events.paint, self._on_painted)

    def _on_removed(self, event: Event) -> None:
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._show(None)

    def _on_painted(self, event: Event) -> None:
        layer = event.source
        note_stroke(layer, event.value)
        if self._layer is layer:
            return
        self._show(layer)
        notification_manager.dispatch(
            Notification(
                f"You painted on '{layer.name}', which nothing learns from.",
                "info",
                actions=(("Take as annotation", while_alive(self._on_take_clicked)),),
            )
        )

    def _on_take_clicked(self, *_: object) -> None:
        try:
            self.take()
        except ValueError as error:
            tell_error(error)

"""What is on the screen: the layers of the chosen image, arranged after each button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels, Layer
from napari.utils.events import Event
from qtpy.QtCore import QObject

from napari_fcn_crf.data.picture import same_spatial_shape
from napari_fcn_crf.ui.session.class_names import ClassNames
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.arrangement import AFTER, Step, arrange
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.class_axis import fold_class_axis, has_class_axis
from napari_fcn_crf.ui.viewer.class_names import show_names
from napari_fcn_crf.ui.viewer.layer_picture import picture_of
from napari_fcn_crf.ui.viewer.layers import layers_where
from napari_fcn_crf.ui.viewer.ownership import belongs_to, is_ours, our_metadata
from napari_fcn_crf.ui.viewer.place_mark import remove_mark
from napari_fcn_crf.ui.viewer.preview_layers import is_preview, remove_preview
from napari_fcn_crf.ui.viewer.slider_names import SliderNames

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Screen(QObject):
    """Arranges one viewer's layers by `AFTER`, and brings back what a preview has hidden.

    Parameters
    ----------
    viewer : Viewer
    selection : Selection
    meaning : LabelMeaning
    class_names : ClassNames
    parent : QObject
        With which it ends.
    """

    def __init__(
        self,
        viewer: Viewer,
        selection: Selection,
        meaning: LabelMeaning,
        class_names: ClassNames,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._selection = selection
        self._meaning = meaning
        self._class_names = class_names
        self._aside: tuple[Layer, ...] = ()
        class_names.changed.connect(self.show_class_names)
        follow(viewer.layers.events.inserted, self._on_inserted)
        follow(viewer.dims.events.range, self._fold_class_axis)
        self._sliders = SliderNames(viewer)
        update_after(self._name_sliders, selection.image_changed, selection.layers_changed)
        self._name_sliders()

    def show_class_names(self) -> None:
        """Let results say what their label values are called; napari's status bar shows it."""
        for layer in layers_where(self._viewer, is_ours):
            values = our_metadata(layer).get("class_values", ())
            if isinstance(layer, Labels) and values:
                show_names(layer, values, self._class_names.of)

    def _name_sliders(self) -> None:
        if self._selection.image is not None:
            self._sliders.show(self._selection.image)

    def _on_inserted(self, event: Event) -> None:
        if has_class_axis(event.value):
            follow(event.value.events.visible, self._fold_class_axis)

    def _fold_class_axis(self, event: object = None) -> None:
        fold_class_axis(self._viewer)
        self._name_sliders()

    def arrange(self, image: Image, step: Step, *shown: Layer) -> None:
        """Leave on the screen what a step leaves there.

        Parameters
        ----------
        image : Image
            What the step was about; it may be another one than is chosen by now.
        step : Step
        *shown : Layer
            What the step has made and shows.
        """
        if image not in self._viewer.layers:
            return
        if step != "most uncertain":
            remove_mark(self._viewer)
        before = [layer for layer in self._viewer.layers if layer.visible]
        self.show_class_names()
        selection, annotation = self._selection, self.annotation_of(image)
        arrange(
            self._viewer,
            image,
            annotation,
            step,
            shown,
            selection.more_channels if image is selection.image else (),
            is_mask=annotation is not None and self._meaning.mode != "scribbles",
        )
        hidden = tuple(layer for layer in before if not layer.visible)
        self._aside = (*self._aside, *hidden) if "preview" in AFTER[step].shows else ()

    def annotation_of(self, image: Image) -> Labels | None:
        """Return the chosen labels, if they are painted on an image."""
        annotation = self._selection.annotation
        if annotation is None or image is not self._selection.image:
            return None
        if belongs_to(self._viewer, annotation, image) is not None:
            return None
        shape = tuple(layer_array(annotation).shape)
        return annotation if same_spatial_shape(picture_of(image).spatial_shape, shape) else None

    def end_preview(self) -> None:
        """Remove what showed work on its way, and show again what it was shown instead of."""
        remove_preview(self._viewer)
        self.bring_back()

    def bring_back(self) -> None:
        """Show again what previews were shown instead of, when there is none any more."""
        if any(is_preview(layer) for layer in self._viewer.layers):
            return
        hidden, self._aside = self._aside, ()
        for layer in hidden:
            if layer in self._viewer.layers:
                layer.visible = True

"""Selection of image, further channels, annotation, and probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.viewer.axes import (
    check_labels_can_lie_on,
    choose_axes,
    choose_transparency,
)
from napari_fcn_crf.ui.viewer.layer_picture import could_lie_on, picture_of
from napari_fcn_crf.ui.viewer.layers import is_source_image, is_source_labels, layers_where
from napari_fcn_crf.ui.viewer.ownership import belongs_to, earlier_results

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Selection(QObject):
    """What is chosen in one viewer; it stays true as layers come and go.

    Attributes
    ----------
    layers_changed : Signal
        Layers came, went, or have another name or order.
    layers_selected : Signal
        Others are selected in napari's list.
    image_changed : Signal
        Another image is to be segmented.
    annotation_changed : Signal
        Other labels are learnt from.
    sources_changed : Signal
        Other probabilities are to be refined.
    """

    layers_changed = Signal()
    layers_selected = Signal()
    image_changed = Signal()
    annotation_changed = Signal()
    sources_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._annotation: Labels | None = None
        self._pinned: tuple[Layer, ...] = ()
        self._sources: tuple[Layer, ...] = ()
        self._channels_of: dict[Image, tuple[Image, ...]] = {}
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            follow(event, self._on_layers_changed)
        follow(viewer.layers.selection.events.changed, self._on_layers_selected)
        self._on_layers_changed()

    @property
    def image(self) -> Image | None:
        """The image to segment."""
        return self._image

    @property
    def annotation(self) -> Labels | None:
        """The labels to learn from."""
        return self._annotation

    @property
    def sources(self) -> tuple[Layer, ...]:
        """What a refinement starts from: one layer, or one a class."""
        return self._sources

    def require_image(self) -> Image:
        """Return the chosen image.

        Raises
        ------
        ValueError
            If none is open.
        """
        if self._image is None:
            raise ValueError(
                "An image layer is needed, but none is open. Open one with File > Open, or try "
                "File > Open Sample > FCN-CRF."
            )
        return self._image

    @property
    def more_channels(self) -> tuple[Image, ...]:
        """Layers that are further channels of the chosen image."""
        return () if self._image is None else self._channels_of.get(self._image, ())

    def picture(self, image: Image | None = None) -> Picture:
        """Return what the chosen image, or another one, is taken for.

        Raises
        ------
        ValueError
            If none is open, or its channels do not fit.
        """
        image = self.require_image() if image is None else image
        check_labels_can_lie_on(image)
        return picture_of(image, self._channels_of.get(image, ()))

    def require_own(self, layer: Layer, image: Image) -> None:
        """Refuse a layer that was made of another image, or painted for it, unless on its channels.

        Raises
        ------
        ValueError
            With both names.
        """
        other = self._other_owner(layer, image)
        if other is not None:
            raise ValueError(
                f"'{layer.name}' belongs to '{other.name}', but '{image.name}' is chosen. Choose "
                f"'{other.name}', or layers of '{image.name}'."
            )

    def _other_owner(self, layer: Layer, image: Image) -> Image | None:
        """Return the image that a layer belongs to, if that is neither an image nor its channel."""
        other = belongs_to(self._viewer, layer, image)
        return None if other in self._channels_of.get(image, ()) else other

    def choose_image(self, image: Image | None) -> None:
        """Segment another image; what was made of the one before is no source any more.

        Labels that are another image's give way to those that lie on this one.
        """
        self._set_image(image)
        if image is not None and self._annotation not in self._pinned:
            self._choose_fitting_annotation(image)

    def _set_image(self, image: Image | None) -> None:
        self._image = image
        self.image_changed.emit()
        if image is None:
            return
        kept = [one for one in self._sources if belongs_to(self._viewer, one, image) is None]
        if not kept:
            kept = list(earlier_results(self._viewer, image, "probabilities")[:1])
        if tuple(kept) != self._sources:
            self.choose_sources(tuple(kept))

    def pin_image(self, image: Image) -> None:
        """Segment an image that was chosen by name, whichever is selected in napari's list."""
        self._pinned = (*self._pinned, image)
        self.choose_image(image)

    def pin_annotation(self, labels: Labels) -> None:
        """Train on labels that were chosen by name, whichever are selected in napari's list."""
        self._pinned = (*self._pinned, labels)
        self.choose_annotation(labels)

    def follow(self, layer: Layer | None) -> None:
        """Turn to a layer that was selected in napari's list, unless another was chosen by name."""
        if layer is self._image or layer is self._annotation or layer is None:
            return
        if layer in self._sources:  # looked at, and refined; not to be segmented
            return
        if is_source_image(layer) and self._image not in self._pinned:
            if layer not in self.more_channels:
                self.choose_image(layer)
        elif is_source_labels(layer) and self._annotation not in self._pinned:
            self._follow_labels(layer)

    def _follow_labels(self, labels: Labels) -> None:
        image = self._image
        other = None if image is None else self._other_owner(labels, image)
        if other is not None:
            if image in self._pinned:
                return
            # Without what lies on it: that is what was selected.
            self._set_image(other)
        self.choose_annotation(labels)

    def choose_axes(self, axes: str) -> None:
        """Take the chosen image for something else than its layer says.

        Raises
        ------
        ValueError
            If it cannot have such axes.
        """
        image = self.require_image()
        choose_axes(image, axes)
        self._channels_of.pop(image, None)
        self.image_changed.emit()

    def choose_transparency(self, is_transparent: bool) -> None:
        """Take the last of the chosen image's four colours for transparency, or for a channel."""
        choose_transparency(self.require_image(), is_transparent)
        self.image_changed.emit()

    def choose_channels(self, others: Iterable[Image]) -> None:
        """Take other layers for further channels of the chosen image.

        Raises
        ------
        ValueError
            If they do not lie where it does.
        """
        chosen, image = tuple(others), self.require_image()
        picture_of(image, chosen)
        self._channels_of[image] = chosen
        self.image_changed.emit()

    def choose_annotation(self, labels: Labels | None) -> None:
        """Train on another labels layer."""
        self._annotation = labels
        self.annotation_changed.emit()

    def choose_sources(self, sources: tuple[Layer, ...]) -> None:
        """Refine other probabilities."""
        self._sources = sources
        self.sources_changed.emit()

    def _choose_fitting_annotation(
        self, image: Image | None, annotations: Sequence[Labels] | None = None
    ) -> None:
        """Choose the topmost labels that lie on an image where the chosen ones do not.

        Where none do, those of no other image stay, so that what is wrong with them is told.
        """
        if annotations is None:
            annotations = layers_where(self._viewer, is_source_labels)
        allowed = [
            one for one in annotations if image is None or self._other_owner(one, image) is None
        ]
        fitting = [one for one in allowed if image is None or could_lie_on(one, image)]
        if self._annotation in fitting:
            return
        if not fitting and self._annotation in allowed:
            return
        found = next(iter(fitting or allowed), None)
        if found is not self._annotation:
            self.choose_annotation(found)

    def _on_layers_selected(self, event: object = None) -> None:
        self.layers_selected.emit()

    def _on_layers_changed(self, event: object = None) -> None:
        self._pinned = tuple(layer for layer in self._pinned if layer in self._viewer.layers)
        images = layers_where(self._viewer, is_source_image)
        annotations = layers_where(self._viewer, is_source_labels)
        if self._image not in images:
            self.choose_image(images[0] if images else None)
        if self._annotation not in self._pinned:
            self._choose_fitting_annotation(self._image, annotations)
        present = self._viewer.layers
        sources = tuple(layer for layer in self._sources if layer in present)
        if sources != self._sources:
            self.choose_sources(sources)
        before = self.more_channels
        self._channels_of = {
            image: tuple(layer for layer in channels if layer in present)
            for image, channels in self._channels_of.items()
            if image in present
        }
        if self.more_channels != before:
            self.image_changed.emit()
        self.layers_changed.emit()

"""Selection of image, annotation, more pairs to train on, class names, and probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.annotation_summary import default_class_name
from napari_fcn_crf.data.annotations import guess_label_mode
from napari_fcn_crf.data.label_doubts import (
    MANY_VALUES,
    Doubt,
    image_values,
    label_doubt,
    unknown_label,
)
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.settings import LabelMode
from napari_fcn_crf.ui.session.label_counts import LabelCounts
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.viewer.axes import (
    check_labels_can_lie_on,
    choose_axes,
    choose_transparency,
    layer_array,
)
from napari_fcn_crf.ui.viewer.class_names import names_in
from napari_fcn_crf.ui.viewer.layer_picture import could_lie_on, picture_of
from napari_fcn_crf.ui.viewer.layers import is_source_image, is_source_labels, layers_where
from napari_fcn_crf.ui.viewer.ownership import belongs_to, earlier_results, was_made_to_paint_on

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
        Other labels are learnt from, they were painted on and counted, or their 0 means something
        else.
    pairs_changed : Signal
        More or fewer images are trained on together with the chosen one.
    classes_named : Signal
        A label value is called something else.
    sources_changed : Signal
        Other probabilities are to be refined.
    """

    layers_changed = Signal()
    layers_selected = Signal()
    image_changed = Signal()
    annotation_changed = Signal()
    pairs_changed = Signal()
    classes_named = Signal()
    sources_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._annotation: Labels | None = None
        self._label_mode: LabelMode = "scribbles"
        self._ignore_label: int | None = None
        self._is_guessing = False
        self._is_mode_chosen = False
        self._pinned: tuple[Layer, ...] = ()
        self._pairs: tuple[tuple[Image, Labels], ...] = ()
        self._file_pairs: tuple[PairFiles, ...] = ()
        self._class_names: dict[int, str] = {}
        self._names_read: WeakSet[Labels] = WeakSet()
        self._sources: tuple[Layer, ...] = ()
        self._channels_of: dict[Image, tuple[Image, ...]] = {}
        self.counts: Final = LabelCounts(viewer, self)
        self.counts.counted.connect(self._on_counted)
        self.counts.failed.connect(self._on_not_counted)
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
    def label_mode(self) -> LabelMode:
        """What a 0 in the labels means."""
        return self._label_mode

    @property
    def is_mode_chosen(self) -> bool:
        """Whether somebody has said what the labels mean."""
        return self._is_mode_chosen

    @property
    def ignore_label(self) -> int | None:
        """A label that is no class."""
        return self._ignore_label

    @property
    def doubt(self) -> Doubt | None:
        """What the labels look like, if that is something else than what they are taken for."""
        counted = self.counts.statistics
        if counted is None or self._is_guessing:
            return None
        array = None if self._image is None else layer_array(self._image)
        is_looked_at = len(counted.values) > MANY_VALUES and isinstance(array, np.ndarray)
        values = image_values(array) if is_looked_at else None
        return label_doubt(counted, self._label_mode, self._ignore_label, values)

    @property
    def is_guessing(self) -> bool:
        """Whether what a 0 means is found out as soon as the labels are counted."""
        return self._is_guessing

    @property
    def pairs(self) -> tuple[tuple[Image, Labels], ...]:
        """Layers that are trained on together with the chosen ones."""
        return self._pairs

    @property
    def file_pairs(self) -> tuple[PairFiles, ...]:
        """The same in files."""
        return self._file_pairs

    @property
    def class_names(self) -> Mapping[int, str]:
        """What label values are called, those that have a name."""
        return MappingProxyType(self._class_names)

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
        """Train on another labels layer.

        What its 0 means is guessed as soon as it is counted; those that were made for an image here
        are for strokes.
        """
        self._annotation = labels
        self._is_mode_chosen = False
        is_for_strokes = labels is not None and was_made_to_paint_on(labels)
        self._is_guessing = labels is not None and not is_for_strokes
        self._ignore_label = None
        if is_for_strokes:
            self._label_mode = "scribbles"
        if labels is not None and labels not in self._names_read:
            # Once: what somebody calls them in the dock afterwards counts.
            self._names_read.add(labels)
            self._class_names |= names_in(labels)
            self.classes_named.emit()
        self._count_what_is_meant()
        self.counts.watch(labels)
        if labels is None and self._file_pairs:
            self._count_first_file()
        self.annotation_changed.emit()

    def choose_label_mode(self, mode: LabelMode) -> None:
        """Say what the labels mean."""
        self._label_mode, self._is_guessing, self._is_mode_chosen = mode, False, True
        self._count_what_is_meant()
        self.annotation_changed.emit()

    def choose_ignore_label(self, label: int | None) -> None:
        """Leave the pixels of a label out, or none."""
        self._ignore_label = label
        self._count_what_is_meant()
        self.annotation_changed.emit()

    def choose_sources(self, sources: tuple[Layer, ...]) -> None:
        """Refine other probabilities."""
        self._sources = sources
        self.sources_changed.emit()

    def add_pair(self, image: Image, labels: Labels) -> None:
        """Train on one more image, too."""
        if (image, labels) not in self._pairs:
            self._pairs = (*self._pairs, (image, labels))
        self.pairs_changed.emit()

    def add_files(self, found: list[PairFiles]) -> None:
        """Train on images in files, too."""
        self._file_pairs = tuple(dict.fromkeys((*self._file_pairs, *found)))
        if self._annotation is None:
            self._count_first_file()
            self.annotation_changed.emit()
        self.pairs_changed.emit()

    def remove_pair(self, position: int) -> None:
        """Train on one image less; those in files come after those in layers."""
        in_files = position - len(self._pairs)
        if in_files < 0:
            self._pairs = self._pairs[:position] + self._pairs[position + 1 :]
        else:
            self._file_pairs = self._file_pairs[:in_files] + self._file_pairs[in_files + 1 :]
        self.pairs_changed.emit()

    def training_pairs(self) -> list[tuple[Image, Labels]]:
        """Return the layers to train on: the chosen pair, then the added ones.

        There may be none where there are pairs in files.

        Raises
        ------
        ValueError
            If there is none; the message says what to do.
        """
        if self._image is None or self._annotation is None:
            if self._pairs or self._file_pairs:
                return list(self._pairs)
            self.require_image()
            raise ValueError(
                "Training needs a labels layer, but none is open. Press New labels and paint some "
                "pixels of each class."
            )
        chosen = (self._image, self._annotation)
        # A chosen pair without a stroke is the one to predict, not to train on.
        is_empty = self.counts.is_current and set(self.counts.latest or {0}) == {0}
        if (self._pairs or self._file_pairs) and is_empty:
            return list(self._pairs)
        return [chosen, *(pair for pair in self._pairs if pair != chosen)]

    def class_name(self, value: int) -> str:
        """Return what the user calls a label value."""
        return self._class_names.get(value) or default_class_name(value, self._label_mode)

    def name_class(self, value: int, name: str) -> None:
        """Call a label value something; an empty name takes that back."""
        self._class_names.pop(value, None)
        if name.strip():
            self._class_names[value] = name.strip()
        self.classes_named.emit()

    def suggest_class_names(self, names: Iterable[tuple[int, str]]) -> None:
        """Name those label values that have no name yet."""
        together = dict(names) | self._class_names
        if together != self._class_names:
            self._class_names = together
            self.classes_named.emit()

    def _count_first_file(self) -> None:
        self._is_guessing = True
        self.counts.read(self._file_pairs[0].labels)

    def _count_what_is_meant(self) -> None:
        self.counts.count_borders(self._label_mode == "objects-border", self._ignore_label)

    def _on_counted(self) -> None:
        counted = self.counts.statistics
        if self._is_guessing and counted is not None:
            # Who has a label for what nobody knows has labelled the rest.
            is_mask = unknown_label(counted) is not None
            self._label_mode = "mask" if is_mask else guess_label_mode(counted.annotatable)
            self._is_guessing = False
            self._count_what_is_meant()
        self.annotation_changed.emit()

    def _on_not_counted(self, error: Exception) -> None:
        self._is_guessing = False
        tell_error(error)
        self.annotation_changed.emit()

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
        pairs = tuple(pair for pair in self._pairs if all(layer in present for layer in pair))
        if pairs != self._pairs:
            self._pairs = pairs
            self.pairs_changed.emit()
        self.layers_changed.emit()

"""Label meaning: what the numbers in the chosen labels stand for, as guessed or as chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.annotations import guess_label_mode
from napari_fcn_crf.data.label_doubts import (
    MANY_VALUES,
    Doubt,
    image_values,
    label_doubt,
    unknown_label,
)
from napari_fcn_crf.settings import LabelMode
from napari_fcn_crf.ui.session.label_counts import LabelCounts
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.pair_list import PairList
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.ownership import was_made_to_paint_on

if TYPE_CHECKING:
    from napari.viewer import Viewer


class LabelMeaning(QObject):
    """What a 0 is, whether numbers are objects', and which one is no class.

    It is guessed of other labels as soon as they are counted; those that were made for an image
    here are for strokes. Without a chosen layer it is that of the first file to train on.

    Attributes
    ----------
    changed : Signal
        They mean something else, were painted on and counted, or are other labels.
    """

    changed = Signal()

    def __init__(
        self, viewer: Viewer, selection: Selection, pairs: PairList, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._selection = selection
        self._pairs = pairs
        self._mode: LabelMode = "scribbles"
        self._ignore_label: int | None = None
        self._is_guessing = False
        self._is_chosen = False
        self.counts: Final = LabelCounts(viewer, self)
        self.counts.counted.connect(self._on_counted)
        self.counts.failed.connect(self._on_not_counted)
        selection.annotation_changed.connect(self._on_annotation_changed)
        pairs.files_added.connect(self._on_files_added)
        self._on_annotation_changed()

    @property
    def mode(self) -> LabelMode:
        """What a 0 in the labels means."""
        return self._mode

    @property
    def ignore_label(self) -> int | None:
        """A label that is no class."""
        return self._ignore_label

    @property
    def is_guessing(self) -> bool:
        """Whether what a 0 means is found out as soon as the labels are counted."""
        return self._is_guessing

    @property
    def is_chosen(self) -> bool:
        """Whether somebody has said what the labels mean."""
        return self._is_chosen

    @property
    def doubt(self) -> Doubt | None:
        """What the labels look like, if that is something else than what they are taken for."""
        counted = self.counts.statistics
        if counted is None or self._is_guessing:
            return None
        image = self._selection.image
        array = None if image is None else layer_array(image)
        is_looked_at = len(counted.values) > MANY_VALUES and isinstance(array, np.ndarray)
        values = image_values(array) if is_looked_at else None
        return label_doubt(counted, self._mode, self._ignore_label, values)

    def choose_mode(self, mode: LabelMode) -> None:
        """Say what the labels mean."""
        self._mode, self._is_guessing, self._is_chosen = mode, False, True
        self._count_what_is_meant()
        self.changed.emit()

    def choose_ignore_label(self, label: int | None) -> None:
        """Leave the pixels of a label out, or none."""
        self._ignore_label = label
        self._count_what_is_meant()
        self.changed.emit()

    def _on_annotation_changed(self) -> None:
        labels = self._selection.annotation
        is_for_strokes = labels is not None and was_made_to_paint_on(labels)
        self._is_chosen = False
        self._is_guessing = labels is not None and not is_for_strokes
        self._ignore_label = None
        if is_for_strokes:
            self._mode = "scribbles"
        self._count_what_is_meant()
        self.counts.watch(labels)
        if labels is None and self._pairs.files:
            self._count_first_file()
        self.changed.emit()

    def _on_files_added(self) -> None:
        if self._selection.annotation is None:
            self._count_first_file()
            self.changed.emit()

    def _count_first_file(self) -> None:
        self._is_guessing = not self._is_chosen
        self.counts.read(self._pairs.files[0].labels)

    def _count_what_is_meant(self) -> None:
        self.counts.count_borders(self._mode == "objects-border", self._ignore_label)

    def _on_counted(self) -> None:
        counted = self.counts.statistics
        if self._is_guessing and counted is not None:
            # Who has a label for what nobody knows has labelled the rest.
            is_mask = unknown_label(counted) is not None
            self._mode = "mask" if is_mask else guess_label_mode(counted.annotatable)
            self._is_guessing = False
            self._count_what_is_meant()
        self.changed.emit()

    def _on_not_counted(self, error: Exception) -> None:
        self._is_guessing = False
        tell_error(error)
        self.changed.emit()

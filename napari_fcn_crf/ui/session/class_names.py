"""Class names: what label values are called, in the labels' own table or by whoever paints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from weakref import WeakSet

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.annotation_summary import default_class_name
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.viewer.class_names import names_in


class ClassNames(QObject):
    """Names of label values, of whichever labels are chosen.

    Attributes
    ----------
    changed : Signal
        A label value is called something else.
    """

    changed = Signal()

    def __init__(self, selection: Selection, meaning: LabelMeaning, parent: QObject) -> None:
        super().__init__(parent)
        self._selection = selection
        self._meaning = meaning
        self._given: dict[int, str] = {}
        self._read: WeakSet[Labels] = WeakSet()
        selection.annotation_changed.connect(self._read_annotation)
        self._read_annotation()

    @property
    def given(self) -> Mapping[int, str]:
        """What label values are called, those that have a name."""
        return MappingProxyType(self._given)

    def of(self, value: int) -> str:
        """Return what the user calls a label value."""
        return self._given.get(value) or default_class_name(value, self._meaning.mode)

    def name(self, value: int, name: str) -> None:
        """Call a label value something; an empty name takes that back."""
        self._given.pop(value, None)
        if name.strip():
            self._given[value] = name.strip()
        self.changed.emit()

    def suggest(self, names: Iterable[tuple[int, str]]) -> None:
        """Name those label values that have no name yet."""
        together = dict(names) | self._given
        if together != self._given:
            self._given = together
            self.changed.emit()

    def _read_annotation(self) -> None:
        labels = self._selection.annotation
        if labels is not None and labels not in self._read:
            # Once: what somebody calls them in the dock afterwards counts.
            self._read.add(labels)
            self._given |= names_in(labels)
            self.changed.emit()

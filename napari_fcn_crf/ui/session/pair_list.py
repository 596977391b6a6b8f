"""Pair list: images and labels that are trained on together with the chosen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.ui.session.selection import Selection

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PairList(QObject):
    """Pairs in layers, as long as these are open, and pairs in files.

    Attributes
    ----------
    files_added : Signal
        There are more in files; told before `changed`.
    changed : Signal
        There are more or fewer.
    """

    files_added = Signal()
    changed = Signal()

    def __init__(self, viewer: Viewer, selection: Selection, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: tuple[tuple[Image, Labels], ...] = ()
        self._files: tuple[PairFiles, ...] = ()
        selection.layers_changed.connect(self._drop_closed)

    @property
    def layers(self) -> tuple[tuple[Image, Labels], ...]:
        """Those in layers."""
        return self._layers

    @property
    def files(self) -> tuple[PairFiles, ...]:
        """Those in files."""
        return self._files

    def __bool__(self) -> bool:
        return bool(self._layers or self._files)

    def add(self, image: Image, labels: Labels) -> None:
        """Train on one more image, too."""
        if (image, labels) not in self._layers:
            self._layers = (*self._layers, (image, labels))
        self.changed.emit()

    def add_files(self, found: list[PairFiles]) -> None:
        """Train on images in files, too."""
        self._files = tuple(dict.fromkeys((*self._files, *found)))
        self.files_added.emit()
        self.changed.emit()

    def remove(self, position: int) -> None:
        """Train on one image less; those in files come after those in layers."""
        in_files = position - len(self._layers)
        if in_files < 0:
            self._layers = self._layers[:position] + self._layers[position + 1 :]
        else:
            self._files = self._files[:in_files] + self._files[in_files + 1 :]
        self.changed.emit()

    def _drop_closed(self) -> None:
        present = self._viewer.layers
        layers = tuple(pair for pair in self._layers if all(one in present for one in pair))
        if layers != self._layers:
            self._layers = layers
            self.changed.emit()

"""Image memory: what was said of an image's labels, kept with its layer and by its file."""

from __future__ import annotations

from typing import Any, get_args

from napari.layers import Image
from qtpy.QtCore import QObject

from napari_fcn_crf.settings import LabelMode
from napari_fcn_crf.ui.session.class_names import ClassNames
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.user_memory import UserMemory

METADATA_KEY = "napari_fcn_crf_choices"
"""Entry of an image layer's metadata, which saved projects keep."""

_MOST_FILES = 100
_IMAGES = "images"


class ImageMemory(QObject):
    """Notes class names, and what the labels mean where somebody chose it, and recalls both.

    A file is known by its path, the last hundred of them.
    """

    def __init__(
        self,
        selection: Selection,
        meaning: LabelMeaning,
        class_names: ClassNames,
        memory: UserMemory,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._selection = selection
        self._meaning = meaning
        self._class_names = class_names
        self._memory = memory
        self._recalled_for: tuple[object, object] = (None, None)
        selection.image_changed.connect(self._recall)
        selection.annotation_changed.connect(self._on_annotation_changed)
        meaning.changed.connect(self._on_meaning_changed)
        class_names.changed.connect(self._note)
        self._recall()

    def _on_annotation_changed(self) -> None:
        if self._recalled_for != (self._selection.image, self._selection.annotation):
            self._recall()

    def _on_meaning_changed(self) -> None:
        if self._meaning.is_chosen:
            self._note()

    def _recall(self) -> None:
        image, labels = self._selection.image, self._selection.annotation
        self._recalled_for = image, labels
        if image is None:
            return
        noted = self._noted(image)
        self._class_names.suggest(_names(noted.get("class_names")))
        is_of_these = labels is not None and noted.get("labels") == labels.name
        if is_of_these and not self._meaning.is_chosen:
            modes: tuple[LabelMode, ...] = get_args(LabelMode)
            for mode in modes:
                if mode == noted.get("label_mode"):
                    self._meaning.choose_mode(mode)

    def _note(self) -> None:
        image, labels = self._selection.image, self._selection.annotation
        if image is None:
            return
        noted = self._noted(image)
        noted["class_names"] = {str(at): name for at, name in self._class_names.given.items()}
        if labels is not None and self._meaning.is_chosen:
            noted |= {"labels": labels.name, "label_mode": self._meaning.mode}
        image.metadata[METADATA_KEY] = noted
        if image.source.path is not None:
            files = self._memory.recall(_IMAGES)
            # Last, whichever it was before: the first ones are forgotten.
            files.pop(str(image.source.path), None)
            files[str(image.source.path)] = noted
            self._memory.keep(_IMAGES, dict(list(files.items())[-_MOST_FILES:]))

    def _noted(self, image: Image) -> dict[str, Any]:
        noted = image.metadata.get(METADATA_KEY)
        if noted is None and image.source.path is not None:
            noted = self._memory.recall(_IMAGES).get(str(image.source.path))
        return dict(noted) if isinstance(noted, dict) else {}


def _names(noted: Any) -> list[tuple[int, str]]:
    """Return what was noted as label values and names; a file may hold anything."""
    if not isinstance(noted, dict):
        return []
    return [
        (int(value), name)
        for value, name in noted.items()
        if isinstance(name, str) and str(value).lstrip("-").isdecimal()
    ]

"""Image memory: what was said of an image's labels, kept with its layer and by its file."""

from __future__ import annotations

from typing import Any, get_args

from napari.layers import Image
from qtpy.QtCore import QObject

from napari_fcn_crf.settings import LabelMode
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

    def __init__(self, selection: Selection, memory: UserMemory, parent: QObject) -> None:
        super().__init__(parent)
        self._selection = selection
        self._memory = memory
        self._recalled_for: tuple[object, object] = (None, None)
        selection.image_changed.connect(self._recall)
        selection.annotation_changed.connect(self._on_annotation_changed)
        selection.classes_named.connect(self._note)
        self._recall()

    def _on_annotation_changed(self) -> None:
        if self._recalled_for != (self._selection.image, self._selection.annotation):
            self._recall()
        if self._selection.is_mode_chosen:
            self._note()

    def _recall(self) -> None:
        selection = self._selection
        image, labels = selection.image, selection.annotation
        self._recalled_for = image, labels
        if image is None:
            return
        noted = self._noted(image)
        selection.suggest_class_names(_names(noted.get("class_names")))
        is_of_these = labels is not None and noted.get("labels") == labels.name
        if is_of_these and not selection.is_mode_chosen:
            modes: tuple[LabelMode, ...] = get_args(LabelMode)
            for mode in modes:
                if mode == noted.get("label_mode"):
                    selection.choose_label_mode(mode)

    def _note(self) -> None:
        selection = self._selection
        image, labels = selection.image, selection.annotation
        if image is None:
            return
        noted = self._noted(image)
        noted["class_names"] = {str(at): name for at, name in selection.class_names.items()}
        if labels is not None and selection.is_mode_chosen:
            noted |= {"labels": labels.name, "label_mode": selection.label_mode}
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

"""Results that grow on disk: which there are, of which layers, and the folder they are in."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from qtpy.QtCore import QObject

from napari_fcn_crf.compute.leftovers import abandoned_folders, owned_folder
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.runner import Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer


def default_folder() -> Path:
    """Return the user's folder of results that do not outlive napari; not /tmp, often memory."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-fcn-crf") / "growing"


@dataclass(eq=False)
class GrowingResult:
    """A result that grows, and its layers.

    Parameters
    ----------
    image : Image
        That it is of.
    kind : str
        "predicted" or "refined".
    key : hashable
        All that it depends on: what is asked for with the same goes on with it.
    content : object
        What computes it, with its `folder`.
    layers : list of Layer
        By which it is shown, once they are made.
    """

    image: Image
    kind: str
    key: Hashable
    content: Any
    layers: list[Layer] = field(default_factory=list)


class Growing(QObject):
    """The results of one session that grow; they go with their layers.

    Parameters
    ----------
    viewer : Viewer
    runner : Runner
        While it works, nothing is removed.
    parent : QObject
        With which it ends.
    """

    def __init__(self, viewer: Viewer, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._runner = viewer, runner
        self._folder: Path | None = None
        self._count = 0
        self._results: list[GrowingResult] = []
        follow(viewer.layers.events.removed, self._tidy)
        runner.changed.connect(self._tidy)

    def new_folder(self) -> Path:
        """Return where another result may be made."""
        if self._folder is None:
            parent = default_folder()
            for left in abandoned_folders(parent):
                shutil.rmtree(left, ignore_errors=True)
            self._folder = owned_folder(parent)
        self._count += 1
        return self._folder / str(self._count)

    def find(self, image: Image, kind: str, key: Hashable) -> GrowingResult | None:
        """Return the result to go on with, if all of its layers are there still."""
        for result in self._results:
            if (result.image, result.kind, result.key) == (image, kind, key) and result.layers:
                return result
        return None

    def of(self, layer: Layer) -> GrowingResult | None:
        """Return the result that a layer shows."""
        return next((one for one in self._results if layer in one.layers), None)

    def keep(self, result: GrowingResult) -> None:
        """Keep a result for as long as it is shown."""
        self._results.append(result)

    def leave(self) -> None:
        """Remove all there is."""
        self._results.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _tidy(self, event: object = None) -> None:
        present = self._viewer.layers
        if self._runner.activity is not None:
            return
        gone = [one for one in self._results if not any(layer in present for layer in one.layers)]
        self._results = [one for one in self._results if one not in gone]
        if gone:
            _remove([one.content.folder for one in gone])


def _remove(folders: Sequence[Path]) -> None:
    """Remove folders of thousands of files, which takes its time."""

    def remove() -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    threading.Thread(target=remove, name="fcn-crf tidying", daemon=True).start()

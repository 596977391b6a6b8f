"""Unsaved models: they are kept where the next napari finds the last one, however this one ends."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.compute.leftovers import abandoned_folders, owned_folder
from napari_fcn_crf.model.card import ModelCard, optimizer_path

_NOTE = "unsaved.json"
_LEFT = "left-"
_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return the user's folder of models that nobody has saved yet."""
    from platformdirs import user_data_path

    return user_data_path("napari-fcn-crf") / "unsaved"


@dataclass(frozen=True)
class UnsavedModel:
    """A model that an earlier session left behind.

    Parameters
    ----------
    path : Path
    card : ModelCard
    name : str
        That it was going to be saved under.
    seconds : float
        When it was kept, in seconds since 1970.
    """

    path: Path
    card: ModelCard
    name: str
    seconds: float


class UnsavedFolder:
    """One session's folder of models, the last of which is noted in a file beside it.

    Parameters
    ----------
    parent : Path, optional
        Of all sessions' folders; the user's own unless given.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or default_folder()
        self._folder: Path | None = None

    @property
    def path(self) -> Path:
        """The folder, made on first use."""
        if self._folder is None:
            try:
                self._folder = owned_folder(self._parent)
            except OSError as error:
                _log.warning("unsaved models are kept for this session only: %s", error)
                self._folder = owned_folder(Path(tempfile.gettempdir()))
        return self._folder

    def note(self, path: Path, card: ModelCard, name: str) -> None:
        """Note that a model of this folder is the current one, and not saved."""
        if path.parent != self._folder:
            return
        noted = {
            "file": path.name,
            "name": name,
            "seconds": time.time(),
            "card": card.to_json(),
        }
        with suppress(OSError):
            (self.path / _NOTE).write_text(json.dumps(noted), "utf-8")

    def forget(self, path: Path) -> None:
        """Note that a model, if it is of this folder, is saved elsewhere."""
        if path.parent == self._folder:
            (self._folder / _NOTE).unlink(missing_ok=True)

    def leave(self) -> None:
        """End the session: what is noted stays for the next one, all else goes."""
        folder, self._folder = self._folder, None
        if folder is None:
            return
        noted = _read(folder)
        if noted is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        keep = {_NOTE, noted.path.name, optimizer_path(noted.path).name}
        for path in folder.iterdir():
            if path.name not in keep:
                path.unlink(missing_ok=True)
        # The process may go on without this session.
        with suppress(OSError):
            folder.rename(folder.with_name(_LEFT + folder.name))

    def found(self) -> UnsavedModel | None:
        """Return the last model that an earlier session left; older ones are deleted."""
        models = [model for folder in self._left_folders() if (model := _read_or_remove(folder))]
        models.sort(key=lambda model: model.seconds)
        for older in models[:-1]:
            shutil.rmtree(older.path.parent, ignore_errors=True)
        return models[-1] if models else None

    def adopt(self, model: UnsavedModel) -> Path:
        """Move what an earlier session left into this one's folder, and return its new path.

        Raises
        ------
        ValueError
            If it is gone.
        """
        target = self.path / f"recovered-{time.time_ns()}.keras"
        try:
            shutil.move(model.path, target)
            if optimizer_path(model.path).exists():
                shutil.move(optimizer_path(model.path), optimizer_path(target))
        except OSError as error:
            raise ValueError(
                f"The model of the last session cannot be opened: {error.strerror or error}."
            ) from error
        self.discard(model)
        return target

    def discard(self, model: UnsavedModel) -> None:
        """Delete what an earlier session left."""
        shutil.rmtree(model.path.parent, ignore_errors=True)

    def _left_folders(self) -> list[Path]:
        left: list[Path] = []
        with suppress(OSError):
            left = [path for path in self._parent.iterdir() if path.name.startswith(_LEFT)]
        return [*left, *abandoned_folders(self._parent)]


def _read_or_remove(folder: Path) -> UnsavedModel | None:
    found = _read(folder)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _read(folder: Path) -> UnsavedModel | None:
    """Return the model that is noted in a folder; None if none is, or the file is not whole."""
    try:
        noted = json.loads((folder / _NOTE).read_text("utf-8"))
        path = folder / Path(noted["file"]).name
        if not path.is_file():
            return None
        card = ModelCard.from_json(noted["card"])
        return UnsavedModel(path, card, str(noted["name"]), float(noted["seconds"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        _log.warning("what is noted in %s cannot be read: %s", folder, error)
        return None

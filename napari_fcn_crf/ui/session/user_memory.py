"""User memory: what a person chose last, in one small file that the next napari starts from."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.ui.session.timers import one_shot

_VERSION = 1
_DELAY_MS = 500
_LIMIT_BYTES = 2**20
_log = logging.getLogger(__name__)


def default_path() -> Path:
    """Return the user's file."""
    from platformdirs import user_config_path

    return user_config_path("napari-fcn-crf") / "dock.json"


class UserMemory(QObject):
    """Entries by name, each some JSON values; written once for all changes of a moment.

    A file that is missing, damaged or of another version is an empty one, and one that cannot be
    written is only logged: nobody's work depends on it.
    """

    def __init__(self, parent: QObject, path: Path | None = None) -> None:
        super().__init__(parent)
        self._path = path or default_path()
        self._entries = _read(self._path)
        self._is_written = True
        self._soon = one_shot(self, _DELAY_MS, self.write)

    def recall(self, name: str) -> dict[str, Any]:
        """Return an entry; empty if there is none."""
        entry = self._entries.get(name)
        return copy.deepcopy(entry) if isinstance(entry, dict) else {}

    def keep(self, name: str, entry: dict[str, Any]) -> None:
        """Keep an entry instead of the last one of that name."""
        if self._entries.get(name) != entry:
            self._entries[name] = copy.deepcopy(entry)
            self._is_written = False
            self._soon.start()

    def write(self) -> None:
        """Write what has changed, now."""
        if self._is_written:
            return
        self._is_written = True
        text = json.dumps({"version": _VERSION, **self._entries}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._path) as temporary:
                temporary.write_text(text, "utf-8")
        except OSError as error:
            _log.warning("the dock's choices could not be kept in %s: %s", self._path, error)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ValueError("it is larger than any that was written here")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or found.pop("version", None) != _VERSION:
            raise ValueError("it is of another version")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("the dock's choices in %s are not used: %s", path, error)
        return {}
    return found

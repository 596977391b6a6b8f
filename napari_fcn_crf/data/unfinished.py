"""Unfinished result on disk: it grows beside its place and gets its name when it is whole."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_fcn_crf.atomic_files import atomic_path

_SIGNATURE = "signature.json"


class Unfinished:
    """A result on disk that can be gone on with when its process was killed.

    Until it is whole, all of it is in a hidden folder beside its place. A block counts as done once
    a file says so that is made after it was written.

    Parameters
    ----------
    path : Path
        Where it will be.
    suffix : str
        Of what is in the folder.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self._folder = path.with_name(f".{path.name}-unfinished")
        self.data = self._folder / f"data{suffix}"

    def begin(self, signature: Mapping[str, Any], create: Callable[[Path], None]) -> None:
        """Make it, unless it was begun with the same signature; what was with another one goes.

        Parameters
        ----------
        signature : mapping
            What the result depends on, as JSON values.
        create : callable
            Makes what is empty still at a path.
        """
        said = json.dumps(dict(signature), sort_keys=True)
        if self._read(_SIGNATURE) == said:
            return
        self.discard()
        self._folder.mkdir()
        create(self.data)
        (self._folder / "done").mkdir()
        self._write(_SIGNATURE, said)

    def keep(self, name: str, value: Any) -> None:
        """Keep a JSON value with it until it is whole."""
        self._write(f"{name}.json", json.dumps(value, sort_keys=True))

    def kept(self, name: str) -> Any:
        """Return a value that is kept with it, or None."""
        text = self._read(f"{name}.json")
        return json.loads(text) if text else None

    def is_done(self, number: int) -> bool:
        """Return whether a block was written."""
        return self._mark(number).exists()

    def done(self, number: int) -> None:
        """Note that a block was written."""
        self._mark(number).touch()

    def finish(self) -> None:
        """Give it its name; what has that name is replaced."""
        # What zarr left of chunks that it was writing when its process was killed.
        for part in self.data.rglob("*.partial"):
            part.unlink(missing_ok=True)
        if self.path.is_dir():
            old = self._folder / f"old-{uuid.uuid4().hex}"
            self.path.rename(old)
        self.data.replace(self.path)
        self.discard()

    def further(self, name: str) -> Path:
        """Return where a further result is that grows with it."""
        return self._folder / f"{name}{self.data.suffix}"

    def finish_further(self, name: str, path: Path) -> None:
        """Give a further result its name, before its own; what has that name is replaced.

        Where that was done already, by a process that was killed then, it stays.
        """
        data = self.further(name)
        if not data.exists():
            return
        for part in data.rglob("*.partial"):
            part.unlink(missing_ok=True)
        if path.is_dir():
            path.rename(self._folder / f"old-{uuid.uuid4().hex}")
        data.replace(path)

    def discard(self) -> None:
        """Remove what there is of it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _mark(self, number: int) -> Path:
        return self._folder / "done" / str(number)

    def _write(self, name: str, text: str) -> None:
        with atomic_path(self._folder / name) as temporary:
            temporary.write_text(text)

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text()
        except FileNotFoundError:
            return ""

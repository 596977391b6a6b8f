"""Compiled kernels on disk, which are run as they are read: only what this user wrote, and whole.

Numba's files are pickles with machine code in them, so whoever may write one runs what he likes,
and a damaged one may do anything. Here each file begins with a checksum, belongs to the user and
can be written by nobody else; any other is as good as none, and the kernel is compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs
from numba import config
from numba.core.caching import FunctionCache, IndexDataCacheFile

_CHECKSUM_BYTES = hashlib.sha256().digest_size
_HAS_OWNERS = os.name == "posix"


class KernelCache(FunctionCache):
    """Numba's cache of one kernel; without what cannot be read, written or trusted."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return a compiled kernel, or None."""
        with suppress(OSError):
            return super().load_overload(signature, target_context)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, unless the disk is full or the folder gone."""
        with suppress(OSError):
            super().save_overload(signature, compiled)


class _CheckedFiles(IndexDataCacheFile):
    """A kernel's index and machine code in files that begin with a checksum."""

    def _load_index(self) -> Any:
        content = _read(Path(self._index_path))
        if content is None:
            return {}
        version, stamp, overloads = pickle.loads(content)
        is_current = (version, stamp) == (self._version, self._source_stamp)
        return overloads if is_current else {}

    def _save_index(self, overloads: Any) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        content = _read(Path(self._data_path(name)))
        if content is None:
            raise FileNotFoundError(name)
        return pickle.loads(content)

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _write(self, path: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(path) as file:
            Path(file.name).chmod(0o600)
            file.write(hashlib.sha256(content).digest() + content)


def _read(path: Path) -> bytes | None:
    """Return what was written to a file; None if that is not what it holds, or another wrote it."""
    try:
        with path.open("rb") as file:
            if not _is_private(os.fstat(file.fileno())):
                return None
            content = file.read()
    except FileNotFoundError:
        return None
    checksum, content = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        path.unlink(missing_ok=True)
        return None
    return content


def _is_private(found: os.stat_result) -> bool:
    """Return whether this user or the administrator owns a file, and no one else may write to it.

    Windows has no such owners; there, folders in the user's profile are private.
    """
    if not _HAS_OWNERS:
        return True
    is_writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid in (0, os.geteuid()) and not is_writable


def cache_folder(sources: Path) -> Path | None:
    """Return a private, writable folder for compiled kernels of exactly this source, or None.

    It is the one that the user chose for numba, unless it is outside a Windows profile.

    Numba notices a change in the file of the kernel it compiled, but not in files that kernel calls
    into, so the folder is named by the contents of all files that may be among those.

    Parameters
    ----------
    sources : Path
        The folder that the kernel is in. Those that it calls are there or here.
    """
    chosen = Path(config.CACHE_DIR)
    may_be_chosen = config.CACHE_DIR and (_HAS_OWNERS or chosen.is_relative_to(Path.home()))
    if may_be_chosen and _is_writable(chosen):
        return chosen
    files = (path for folder in (Path(__file__).parent, sources) for path in folder.glob("*.py"))
    source = b"".join(path.read_bytes() for path in sorted(files))
    name = f"{sources.parent.name}-{hashlib.sha256(source).hexdigest()[:16]}"
    folder = platformdirs.user_cache_path("napari-fcn-crf", appauthor=False) / "kernels" / name
    return folder if _is_writable(folder) and _is_private(folder.stat()) else None


def _is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, which is made if it does not exist."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False

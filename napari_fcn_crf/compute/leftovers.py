"""Leftovers of processes that were killed: shared memory and the sessions' folders."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")

_NAMES = re.compile(r"(?:nfc_|napari-fcn-crf-)(\d+)_([0-9a-f]{8})[_-]\w+")

# By how much a clock may have been set while a process ran.
_CLOCK_S = 24 * 3600


def block_name() -> str:
    """Return a name for a shared block that says whose it is; macOS allows 30 characters."""
    return f"nfc_{_owner()}_{secrets.token_hex(4)}"


def owned_folder(parent: Path) -> Path:
    """Make a lasting folder in another one whose name says whose it is."""
    folder = parent / f"napari-fcn-crf-{_owner()}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    return folder


def abandoned_folders(parent: Path) -> list[Path]:
    """Return the folders of `owned_folder` in another one whose process is gone."""
    found: list[Path] = []
    with suppress(OSError):
        for path in parent.iterdir():
            named = _NAMES.fullmatch(path.name)
            # Of other machines that share the user's folder nobody here knows what runs.
            if named and named[2] == _place() and _is_abandoned(path, int(named[1])):
                found.append(path)
    return found


def remove_leftovers() -> None:
    """Remove blocks and folders of ours whose process is gone.

    Whoever ends a program with all its processes (the system for want of memory, a scheduler) ends
    those as well that would tidy up. Only what bears our name and belongs to this user is looked
    at. Where a pid has been given to another process since, that has begun after the file was made.
    """
    for folder in (SHARED_MEMORY, Path(tempfile.gettempdir())):
        with suppress(OSError):
            for path in folder.iterdir():
                found = _NAMES.fullmatch(path.name)
                if found and found[2] == _place() and _is_abandoned(path, int(found[1])):
                    _remove(path)


def _owner() -> str:
    return f"{os.getpid()}_{_place()}"


def _place() -> str:
    """Return what is the same for all processes that know each other's pids.

    Containers count them anew, and may share folders with each other.
    """
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{zlib.crc32(f'{platform.node()} {namespace}'.encode()):08x}"


def _is_abandoned(path: Path, pid: int) -> bool:
    try:
        status = path.lstat()
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return False
        return bool(psutil.Process(pid).create_time() > status.st_mtime + _CLOCK_S)
    except psutil.NoSuchProcess:
        return True
    except (OSError, psutil.Error):
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()

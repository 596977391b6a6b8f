"""Files of the user's: only plain ones are read, and never half of one is written."""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import re
import stat
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_MISSING = "does not exist"
_UNFINISHED = "-unfinished-"
_LONGEST_STEM = 40
_CLOCK_SECONDS = 60

ZIP_ERRORS = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    # An encrypted member, and a compression that Python does not know (NotImplementedError).
    RuntimeError,
)
"""What reading a damaged zip file may raise."""


def why_no_file(path: Path) -> str:
    """Return why there is no plain file to read at a path, or nothing if there is one.

    What is read from a pipe, a socket or a device may never come, or never end.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _MISSING
    # A name that no file can have.
    except ValueError:
        return "is no name of a file"
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "is a folder"
    if not stat.S_ISREG(mode):
        return "is a pipe, a socket or a device"
    return "" if os.access(path, os.R_OK) else "may not be read by you"


def expect_file(path: Path, expected: str) -> None:
    """Raise a ValueError unless there is a plain file at a path.

    Parameters
    ----------
    path : Path
    expected : str
        What it should be, such as "an image".
    """
    reason, shown = why_no_file(path), quoted(str(path), 120)
    if reason == _MISSING:
        raise InputError(f"Expected {expected}, but there is no file {shown}.")
    if reason:
        raise InputError(f"Expected {expected}, but {shown} {reason}. Choose a file.")


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that becomes `target` when the block succeeds.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind then.
    """
    target = Path(target)
    remove_abandoned(target.parent)
    # Not tempfile, which would make a file that only its owner can read.
    temporary = target.with_name(
        f"{_start_of_name(target)}{_owner()}-{uuid.uuid4().hex}{target.suffix}"
    )
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        # Windows flushes only files opened for writing.
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(target: str | Path) -> None:
    """Remove what `atomic_path` left beside `target` when its process was killed while writing."""
    target = Path(target)
    for path in target.parent.glob(f"{glob.escape(_start_of_name(target))}*{target.suffix}"):
        path.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what any `atomic_path` left in a folder whose process was killed on this machine."""
    for path in folder.glob(f".*{_UNFINISHED}{_machine()}-*"):
        found = re.search(f"{_UNFINISHED}[0-9a-f]+-([0-9]+)-([0-9]+)-[0-9a-f]+", path.name)
        if found and not _is_running(*map(int, found.groups())):
            path.unlink(missing_ok=True)


def _start_of_name(target: Path) -> str:
    # No file's name may be longer than 255 bytes.
    return f".{target.stem[:_LONGEST_STEM]}{_UNFINISHED}"


def _owner() -> str:
    """Return what tells this process from all others, those of other machines included."""
    import psutil

    return f"{_machine()}-{os.getpid()}-{round(psutil.Process().create_time())}"


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_running(pid: int, started: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        # Where the clock is set while it runs, the time may change a little.
        is_same: bool = abs(process.create_time() - started) < _CLOCK_SECONDS
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.Error, OverflowError):
        return False

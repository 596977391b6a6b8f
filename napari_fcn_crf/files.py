"""Writing files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import glob
import os
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RANDOM_CHARACTERS = 8

ZIP_ERRORS = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    # An encrypted member, and a compression that Python does not know (NotImplementedError).
    RuntimeError,
)
"""What reading a damaged zip file may raise."""


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that becomes `target` when the block succeeds.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind then.
    """
    target = Path(target)
    # Not tempfile, which would make a file that only its owner can read.
    temporary = target.with_name(
        f".{target.stem}-{uuid.uuid4().hex[:_RANDOM_CHARACTERS]}{target.suffix}"
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
    random = "?" * _RANDOM_CHARACTERS
    for path in target.parent.glob(f".{glob.escape(target.stem)}-{random}{target.suffix}"):
        path.unlink(missing_ok=True)

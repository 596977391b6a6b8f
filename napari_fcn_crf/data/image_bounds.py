"""How much an image file may ask for: neither more than it can hold, nor more than there is."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_SMALL_BYTES = 64 * 2**20
_MOST_PER_BYTE = 16_000
"""What the best compression makes of an image that is one colour."""

_RESERVE_BYTES = 512 * 2**20
"""Of the free memory, what is left to everything else."""

_MOST_READS = 20_000
_BYTES_PER_READ = 64
"""The pieces of a picture's file have thousands of bytes, but for those of its header."""


class TooLargeError(InputError):
    """An image that memory does not suffice for."""


class PictureFile(io.FileIO):
    """A picture's file, of which Pillow keeps each piece, or adds it to all those before it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads_left: float = _MOST_READS + path.stat().st_size // _BYTES_PER_READ

    def expect_format(self, name: str | None) -> None:
        """Allow what decoding a format takes."""
        if name == "BMP":
            # Its runs are read byte by byte.
            self.reads_left = math.inf

    def read(self, size: int | None = -1) -> bytes:
        """Read as every file does.

        Raises
        ------
        ValueError
            If it was read so often that it cannot be a picture.
        """
        self.reads_left -= 1
        if self.reads_left < 0:
            raise InputError("more pieces than a picture has")
        # For what a chunk says to be long, Python would allocate before it looks how much there is.
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left)) or b""


def check_size(path: Path, n_bytes: int, copies: int = 1) -> None:
    """Refuse an image of so many bytes if its file or the free memory cannot hold it.

    Parameters
    ----------
    path : Path
    n_bytes : int
        Unpacked.
    copies : int
        How many of it there are at once while it is read.

    Raises
    ------
    TooLargeError
        If too little memory is free for it.
    ValueError
        If no compression makes so much of the file.
    """
    import psutil

    size = path.stat().st_size
    if n_bytes > _SMALL_BYTES + _MOST_PER_BYTE * size:
        raise InputError(f"{n_bytes} bytes in a file of {size}")
    free = psutil.virtual_memory().available - _RESERVE_BYTES
    if n_bytes > _SMALL_BYTES and copies * n_bytes > free:
        raise TooLargeError(
            f"{quoted(path.name)} takes {copies * n_bytes / 1e9:.1f} GB of memory to open, but "
            f"{max(free, 0) / 1e9:.1f} GB are free. Close other programs, or cut it into smaller "
            "images."
        )


def check_pages(path: Path, pages: Iterable[Any], n_bytes: int) -> None:
    """Refuse a TIFF file's pages, of so many bytes unpacked, before they are read.

    Raises
    ------
    ValueError
        As `check_size` does, or if a strip is longer than the file.
    """
    check_size(path, n_bytes)
    # tifffile allocates what a strip says to have, too; planes may be missing.
    for page in filter(None, pages):
        if max(page.databytecounts, default=0) > page.parent.filehandle.size:
            raise InputError("a strip longer than its file")

"""How much memory a file may ask for, and how many pieces it may come in."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_fcn_crf.data.reading.jpeg_2000 import HEADER_BYTES, jpeg_2000_form
from napari_fcn_crf.data.reading.raster import ToldError
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_TEXT_TAGS = (270, 700)
"""Descriptions, of OME, ImageJ and others, and XMP."""

_JPEG_2000 = (33003, 33004, 33005, 34712)
"""Compressions of TIFF: Aperio's with and without colours apart, and the registered one."""

_SMALL_BYTES = 64 * 2**20
_MOST_PER_BYTE = 16_000
"""What the best compression makes of an image that is one colour."""

_RESERVE_BYTES = 512 * 2**20
"""Of the free memory, what is left to everything else."""

_MOST_READS = 20_000
_BYTES_PER_READ = 64
"""Pieces of a picture file: Pillow's have thousands of bytes each, but for the header's."""

_MOST_SIGNS = 1_500_000
"""Elements, attributes, entries and lines of the texts in a TIFF file: up to twenty a plane."""


class PieceReader(io.FileIO):
    """A picture's file, which Pillow keeps each piece of, or appends it to all those before."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads_left: float = _MOST_READS + path.stat().st_size // _BYTES_PER_READ

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, or as many as there are."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise InputError("more pieces than a picture has")
        # For what a chunk says to be long, Python would allocate before it looks how much there is.
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left)) or b""


def check_pages(path: Path, pages: Iterable[Any], n_bytes: int) -> None:
    """Refuse planes of a TIFF file that are larger than their file could hold.

    Raises
    ------
    ValueError
        With what is too large.
    """
    check_size(path, n_bytes)
    # tifffile allocates what a strip says to have, too; planes may be missing.
    for page in filter(None, pages):
        if max(page.databytecounts, default=0) > page.parent.filehandle.size:
            raise InputError("a strip longer than its file")
        if page.compression in _JPEG_2000:
            _check_codestreams(page)


def _check_codestreams(page: Any) -> None:
    """Refuse a page that its decoder, which goes by the codestreams, would find larger."""
    file, most = page.parent.filehandle, math.prod(page.chunks)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        form = jpeg_2000_form(file.read(min(count, HEADER_BYTES)))
        if form is not None and form.numbers > most:
            raise InputError("a codestream larger than its tile")


def check_texts(file: Any) -> None:
    """Refuse a TIFF file with more in its descriptions than an image has.

    tifffile makes objects of all of it, a hundred times its size.

    Raises
    ------
    ValueError
        With what is too much.
    """
    for tag in file.pages.first.tags:
        if tag.code not in _TEXT_TAGS:
            continue
        if isinstance(tag.value, (str, bytes)):
            check_text(tag.value)


def check_text(text: str | bytes) -> None:
    """Refuse a description with more in it than an image has.

    Raises
    ------
    ValueError
        If it is one.
    """
    signs = b"<=,[{\n" if isinstance(text, bytes) else "<=,[{\n"
    if sum(map(text.count, signs)) > _MOST_SIGNS:  # type: ignore[arg-type]
        raise InputError("a description of more than any image")


def check_size(path: Path, n_bytes: int, copies: int = 1) -> None:
    """Refuse an image that its file cannot hold, or that memory does not suffice for so often.

    Raises
    ------
    ValueError
        With its size.
    """
    import psutil

    size = path.stat().st_size
    if n_bytes > _SMALL_BYTES + _MOST_PER_BYTE * size:
        raise InputError(f"{n_bytes} bytes in a file of {size}")
    free = psutil.virtual_memory().available - _RESERVE_BYTES
    if n_bytes > _SMALL_BYTES and copies * n_bytes > free:
        raise ToldError(
            f"{quoted(path.name)} needs {copies * n_bytes / 1e9:.1f} GB of memory when it is "
            f"unpacked, but {max(free, 0) / 1e9:.1f} GB are free. Close other programs, or cut it "
            "into smaller images."
        )

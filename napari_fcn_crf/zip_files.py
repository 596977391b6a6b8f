"""Zip files of others and the arrays in them, without believing what they say about their size."""

from __future__ import annotations

import io
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_fcn_crf.input_error import InputError

_DIRECTORY_LIMIT_BYTES = 2**20
"""A network with ten thousand arrays needs less; each entry takes ten times its size in memory."""

_HEADER_LIMIT_BYTES = 10_000
"""What numpy takes by itself, though only after it has read all of it."""

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def open_zip(source: Path | str | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open a zip file for reading.

    Parameters
    ----------
    source : path or binary file
        A binary file can seek, and stays open.

    Raises
    ------
    OSError, zipfile.BadZipFile
        If it cannot be read, has more members than any file of weights, or some that are compressed
        as none is.
    """
    with ExitStack() as stack:
        if isinstance(source, (str, Path)):
            source = stack.enter_context(Path(source).open("rb"))
        limited = _Limited(source)
        archive = stack.enter_context(zipfile.ZipFile(limited))
        limited.left = None
        for info in archive.infolist():
            # LZMA's dictionary is as large as the file wants it.
            if info.compress_type not in _COMPRESSIONS and info.file_size:
                raise zipfile.BadZipFile("a member that is not compressed by deflating")
        yield archive


def read_npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the type of the array in a `.npy` file.

    Raises
    ------
    ValueError
        If the header is damaged or longer than one of numbers ever is.
    """
    version = np.lib.format.read_magic(member)
    length_bytes, read = {
        (1, 0): (2, np.lib.format.read_array_header_1_0),
        (2, 0): (4, np.lib.format.read_array_header_2_0),
    }.get(version, (0, None))
    if read is None:
        raise InputError("of a version that no array of numbers needs")
    start = member.read(length_bytes)
    length = int.from_bytes(start, "little")
    if length > _HEADER_LIMIT_BYTES:
        raise InputError(f"a header of {length} bytes")
    try:
        shape, _, dtype = read(io.BytesIO(start + member.read(length)))
    # Python's parser for what is not even Python, or nested a thousand times.
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError("a damaged header") from error
    return shape, dtype


class _Limited:
    """A file of which only so much is read until its directory is known."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left: int | None = _DIRECTORY_LIMIT_BYTES

    def read(self, size: int = -1) -> bytes:
        if self.left is None:
            return self._file.read(size)
        # One more, to tell a file that ends here from one that goes on.
        content = self._file.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(content)
        if self.left < 0:
            raise zipfile.BadZipFile(f"a directory of more than {_DIRECTORY_LIMIT_BYTES} bytes")
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

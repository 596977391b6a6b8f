"""Free space in an HDF5 file's heaps, looked at before the library follows its lists."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from napari_fcn_crf.input_error import InputError

MAGIC = b"\x89HDF\r\n\x1a\n"
"""What an HDF5 file begins with."""

_HEAP = struct.Struct("<4sB3xQQQ")
_FREE_BLOCK = struct.Struct("<QQ")
_SIGNATURE = b"HEAP"
_NO_MORE = 1
_VERSION = 0
_MOST_HEAPS = 10**5
_MOST_BLOCKS = 10**6
"""In a file of all its heaps; those of published weights have some dozens."""

_READ_BYTES = 1 << 20


class _Heap(NamedTuple):
    size: int
    first_free: int
    start: int


def check_heaps(file: Any) -> None:
    """Refuse a file whose lists of free space lead back into themselves.

    HDF5 1.14 goes round in them and takes memory for each step, until there is none.

    Parameters
    ----------
    file : binary file
        At any position; it is left at its start.

    Raises
    ------
    ValueError
        If there is such a list.

    References
    ----------
    HDF5 File Format Specification 3.0, III.D, Local Heaps
    """
    # In their order, since in a zip archive going back is reading anew.
    left = _MOST_BLOCKS
    for heap in sorted(_heaps(file), key=lambda heap: heap.start):
        left -= _follow(file, heap, left)
    file.seek(0)


def _heaps(file: Any) -> Iterator[_Heap]:
    """Iterate over what may be the heads of heaps; numbers may look like one by chance."""
    file.seek(0)
    kept, count = b"", 0
    while block := file.read(_READ_BYTES):
        content = kept + block
        at = content.find(_SIGNATURE)
        while 0 <= at <= len(content) - _HEAP.size:
            _, version, *where = _HEAP.unpack_from(content, at)
            if version == _VERSION:
                count += 1
                if count > _MOST_HEAPS:
                    raise InputError("more heaps than any weights have")
                yield _Heap(*where)
            at = content.find(_SIGNATURE, at + 1)
        # What was too near the end to be looked at.
        kept = content[-_HEAP.size + 1 :]


def _follow(file: Any, heap: _Heap, most: int) -> int:
    """Return how many free blocks a heap has."""
    at, seen = heap.first_free, set[int]()
    while at != _NO_MORE and at + _FREE_BLOCK.size <= heap.size:
        if at in seen:
            raise InputError("free space that leads back into itself")
        if len(seen) >= most:
            raise InputError("more free space than any weights have")
        seen.add(at)
        if heap.start + at >= 2**63:
            break
        file.seek(heap.start + at)
        entry = file.read(_FREE_BLOCK.size)
        if len(entry) < _FREE_BLOCK.size:
            break
        at, _ = _FREE_BLOCK.unpack(entry)
    return len(seen)

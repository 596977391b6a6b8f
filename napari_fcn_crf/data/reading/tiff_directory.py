"""A TIFF file's directory: how much of it there is, before tifffile makes objects of all that."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from napari_fcn_crf.input_error import InputError

_MOST_PAGES = 10**6
_MOST_TAGS = 4096
"""Of a page; tifffile takes no more for one."""

_MOST_NUMBERS = 4 * 10**6
_BYTES_PER_NUMBER = 64
"""A strip with its offset and its size is longer than twice this, on average."""

_MOST_TEXT_BYTES = 64 * 2**20
_TEXT_KINDS = (1, 2, 6, 7)
_WIDTHS = {3: 2, 5: 8, 8: 2, 10: 8, 12: 8, 16: 8, 17: 8, 18: 8} | dict.fromkeys(_TEXT_KINDS, 1)
"""Bytes of a number of each type; all others have four."""


class _Form(NamedTuple):
    """Of classic TIFF files, or of those with 64-bit offsets."""

    first: int
    n_tags: struct.Struct
    entry: struct.Struct
    offset: struct.Struct


def check_directory(path: Path) -> None:
    """Refuse a TIFF file with more pages, strips or text than an image of its size has.

    Many tags may be of the same bytes, so that this is not bounded by the file's size.

    Raises
    ------
    ValueError
        With what there is too much of.
    """
    size = path.stat().st_size
    numbers_left = _MOST_NUMBERS + size // _BYTES_PER_NUMBER
    text_left = _MOST_TEXT_BYTES + size
    with path.open("rb") as file:
        for n_pages, (form, entries) in enumerate(_pages(file)):
            if n_pages >= _MOST_PAGES:
                raise InputError(f"more than {_MOST_PAGES} pages")
            for _, kind, count, _ in form.entry.iter_unpack(entries):
                if count * _WIDTHS.get(kind, 4) <= form.offset.size:
                    continue
                if kind in _TEXT_KINDS:
                    text_left -= count
                else:
                    numbers_left -= count
            if min(numbers_left, text_left) < 0:
                raise InputError("a directory of more than its images")


def _pages(file: IO[bytes]) -> Iterator[tuple[_Form, bytes]]:
    """Iterate over the entries of each page, up to where something is damaged."""
    head = file.read(8)
    order = "<" if head.startswith(b"II") else ">"
    is_big = head[2:4] in (b"+\0", b"\0+")
    count, entry, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHL4s", "L")
    form = _Form(
        8 if is_big else 4, *(struct.Struct(order + code) for code in (count, entry, offset))
    )
    file.seek(form.first)
    seen = set()
    while len(start := file.read(form.offset.size)) == form.offset.size:
        (at,) = form.offset.unpack(start)
        if not at or at >= 2**63:
            return
        if at in seen:
            # tifffile follows some circles for ever.
            raise InputError("pages in a circle")
        seen.add(at)
        file.seek(at)
        start = file.read(form.n_tags.size)
        if len(start) < form.n_tags.size:
            return
        (n_tags,) = form.n_tags.unpack(start)
        entries = file.read(min(n_tags, _MOST_TAGS + 1) * form.entry.size)
        if n_tags > _MOST_TAGS or len(entries) < n_tags * form.entry.size:
            return
        yield form, entries

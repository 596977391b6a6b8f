"""What a JPEG 2000 codestream says of its size, before a decoder makes room for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_START = b"\xff\x4f\xff\x51"
"""Of a codestream, with the marker of its size."""

HEADER_BYTES = 4096
"""In which the codestream of a picture begins, behind boxes about its colours."""


@dataclass(frozen=True)
class JPEG2000Form:
    """Size and numbers of a picture.

    Parameters
    ----------
    rows, columns, channels : int
    bits : int
        Of the first channel's numbers.
    is_signed : bool
    """

    rows: int
    columns: int
    channels: int
    bits: int
    is_signed: bool

    @property
    def numbers(self) -> int:
        """How many there are."""
        return self.rows * self.columns * self.channels


def jpeg_2000_form(content: bytes) -> JPEG2000Form | None:
    """Return what a picture says of itself; None if there is no codestream.

    Raises
    ------
    struct.error
        If it ends too early.

    References
    ----------
    ISO/IEC 15444-1:2019, A.5.1
    """
    start = content.find(_START)
    if start < 0:
        return None
    # After marker, length and profile: the size of the grid and of what is left out of it.
    right, bottom, left, top = struct.unpack_from(">IIII", content, start + 8)
    channels, depth = struct.unpack_from(">HB", content, start + 40)
    sides = max(0, bottom - top), max(0, right - left)
    return JPEG2000Form(*sides, channels, (depth & 0x7F) + 1, depth > 0x7F)

"""What an image file holds, in the file's own words."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

DECODING = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What the decoders of damaged files have been seen to raise."""


@dataclass(frozen=True, eq=False)
class Raster:
    """What an image file holds, in the file's own words.

    Parameters
    ----------
    array : array
    axes : str
        One letter an axis: "y", "x", "c" for channels, "z" and "t", any other for other planes.
    guessed : bool
        Whether the file does not say what its planes are.
    alpha : bool
        Whether the last channel is transparency.
    spacing : mapping of an axis to (float, str)
        Size of a pixel and its unit, "meter" or "second", of those axes that the file says it of.
    orientation : int
        By which of the eight turns and flips of EXIF the picture would stand upright; 1 is none.
    notes : tuple of str
        What a person should know of how it was read, without the file's name.
    metadata : mapping
        What this package, or tifffile, noted in it.
    """

    array: npt.NDArray[Any]
    axes: str
    guessed: bool = False
    alpha: bool = False
    spacing: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    orientation: int = 1
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ToldError(InputError):
    """A file that is not read, with a message of its own that says why."""


def unreadable(path: Path, kind: str) -> InputError:
    """Return what is said of a file that no decoder can make sense of."""
    return InputError(
        f"Expected {kind}, but {quoted(path.name)} cannot be read as one. It may be damaged, or of "
        "a kind that must be converted to TIFF or PNG first."
    )

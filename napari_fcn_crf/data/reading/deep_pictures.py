"""Pictures of more than 8 bits, or of numbers, that Pillow would squeeze into 8 bits."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.reading.jpeg_2000 import jpeg_2000_form
from napari_fcn_crf.data.reading.limits import check_size
from napari_fcn_crf.input_error import InputError

Picture = tuple[npt.NDArray[Any], bool]
"""Pixels, and whether the last channel is transparency."""

_PNG_GRAY = 0
_BYTE = 255
_PNM_HEADER_BYTES = 4096


def read(path: Path, file: Any, as_labels: bool) -> Picture | None:
    """Return the pixels of a picture that Pillow cannot keep, or None for it to read.

    Parameters
    ----------
    path : Path
    file : PIL.Image.Image
        The picture, opened but not decoded.
    as_labels : bool
        Whether what counts are the numbers, not how bright they look.
    """
    if file.format == "PNG":
        return _png(path, getattr(file, "n_frames", 1))
    if file.format == "JPEG2000":
        return _jpeg_2000(path)
    if file.format == "PPM":
        return _pnm(path, as_labels)
    return None


def is_deep_colour_png(path: Path) -> bool:
    """Return whether a PNG file has 16 bits and more than gray, which Pillow cuts to 8."""
    bits, colour = _png_header(path)[2:]
    return bits == 16 and colour != _PNG_GRAY


def _png_header(path: Path) -> tuple[int, int, int, int]:
    """Return width, height, bits and kind of colour."""
    with path.open("rb") as file:
        width, height, bits, colour = struct.unpack(">IIBB", file.read(26)[16:])
    return width, height, bits, colour


def _png(path: Path, n_frames: int) -> Picture | None:
    if not is_deep_colour_png(path):
        return None
    width, height, _, _ = _png_header(path)
    import imagecodecs

    check_size(path, 8 * width * height * n_frames, copies=2)
    content = path.read_bytes()
    decode = imagecodecs.png_decode if n_frames == 1 else imagecodecs.apng_decode
    array = decode(content)
    return array, array.shape[-1] in (2, 4)


def _jpeg_2000(path: Path) -> Picture | None:
    content = path.read_bytes()
    form = jpeg_2000_form(content)
    if form is None or (form.bits <= 8 and not form.is_signed and form.channels <= 4):
        return None
    import imagecodecs

    check_size(path, 4 * form.numbers, copies=2)
    array = imagecodecs.jpeg2k_decode(content)
    return array, array.ndim == 3 and array.shape[-1] in (2, 4)


def _pnm(path: Path, as_labels: bool) -> Picture | None:
    """Read gray and colour PNM with another maximum than 255, by which Pillow would divide."""
    content = path.read_bytes()
    form = content[:2]
    if form not in (b"P2", b"P3", b"P5", b"P6"):
        return None
    header = re.sub(rb"#[^\r\n]*", lambda found: b" " * len(found[0]), content[:_PNM_HEADER_BYTES])
    found = re.match(rb"P\d\s+(\d+)\s+(\d+)\s+(\d+)\s", header)
    if found is None:
        return None
    columns, rows, most = map(int, found.groups())
    is_pillows = most == _BYTE or (most < _BYTE and not as_labels)
    if is_pillows or not 0 < most < 2**16:
        return None
    channels = 3 if form in (b"P3", b"P6") else 1
    count = rows * columns * channels
    check_size(path, 2 * count, copies=2)
    dtype = np.dtype(">u2" if most > _BYTE else "u1")
    if form in (b"P5", b"P6"):
        values = np.frombuffer(content, dtype, count, found.end())
    else:
        numbers = re.sub(rb"#[^\r\n]*", b" ", content[found.end() :]).split()
        values = np.array(numbers[:count], np.int64)
        if len(values) < count or values.max(initial=0) > most or values.min(initial=0) < 0:
            raise InputError("numbers that are missing or too large")
    array = values.astype(np.uint16 if most > _BYTE else np.uint8)
    return array.reshape((rows, columns, 3) if channels == 3 else (rows, columns)), False

"""PNG, JPEG and other pictures that Pillow knows, without what Pillow would take from them."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.reading import deep_pictures
from napari_fcn_crf.data.reading.limits import PieceReader, check_size
from napari_fcn_crf.data.reading.raster import DECODING, Raster, ToldError, unreadable
from napari_fcn_crf.quoting import quoted

_LOSSLESS = ("PNG", "BMP", "GIF", "PPM")
FORMATS = (*_LOSSLESS, "JPEG", "WEBP", "JPEG2000")
"""Pillow has others that start programs or read other files."""

FILM_FORMATS = ("GIF", "PNG", "WEBP")
"""Those whose further pictures are frames of an animation."""

_ORIENTATION = 274


def read_picture_file(path: Path, purpose: str) -> Raster:
    """Read a picture: of an image its colours, of labels the numbers that are stored.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    from PIL import Image

    as_labels = purpose == "a label image"
    try:
        with PieceReader(path) as content, warnings.catch_warnings():
            # Of many pixels, which are counted below, and of notes that are damaged.
            warnings.simplefilter("ignore")
            with Image.open(content, formats=FORMATS) as file:
                return _read(path, content, file, as_labels)
    except ToldError:
        raise
    except Image.DecompressionBombError as error:
        raise ToldError(
            f"{quoted(path.name)} has more pixels than are read from a picture file "
            f"({2 * (Image.MAX_IMAGE_PIXELS or 0)} at most). Convert it to TIFF."
        ) from error
    except (*DECODING, MemoryError) as error:
        # What memory suffices for was looked at, so it asks for more than an image has.
        raise unreadable(path, purpose) from error


def _read(path: Path, content: PieceReader, file: Any, as_labels: bool) -> Raster:
    if as_labels and file.format not in _LOSSLESS:
        raise ToldError(
            f"Labels must be exact, but {quoted(path.name)} is a {file.format}, which changes "
            "values. Save them as PNG or TIFF."
        )
    is_film = file.format in FILM_FORMATS
    n_frames = getattr(file, "n_frames", 1)
    # Pillow keeps four bytes of a pixel, whatever the file has.
    check_size(path, 4 * file.width * file.height * (n_frames if is_film else 1), copies=2)
    if file.format == "BMP":
        # Its runs are read byte by byte.
        content.reads_left = math.inf
    notes = []
    if n_frames > 1 and not is_film:
        notes.append(f"it holds {n_frames} pictures, of which the first is read")
    if n_frames > 1 and is_film and as_labels and file.format == "GIF":
        raise ToldError(
            f"Labels must be exact, but {quoted(path.name)} is an animation, whose frames keep no "
            "numbers. Save them as a TIFF stack."
        )
    orientation = orientation_of_picture(file)
    deep = deep_pictures.read(path, file, as_labels)
    if deep is not None:
        array, alpha = deep
    elif n_frames > 1 and is_film:
        frames = []
        for index in range(n_frames):
            file.seek(index)
            frames.append(_pixels(file, as_labels))
        array, alpha = np.stack([frame for frame, _ in frames]), frames[0][1]
    else:
        array, alpha = _pixels(file, as_labels)
    is_gray = array.ndim - (n_frames > 1 and is_film) == 2
    return Raster(
        array=array,
        axes=("t" if n_frames > 1 and is_film else "") + ("yx" if is_gray else "yxc"),
        alpha=alpha,
        orientation=orientation,
        notes=tuple(notes),
    )


def _pixels(file: Any, as_labels: bool) -> tuple[npt.NDArray[Any], bool]:
    """Return what is shown, or a palette's numbers, and whether the last channel is alpha."""
    if file.mode == "P":
        return np.asarray(file if as_labels else file.convert("RGB")), False
    if file.mode == "PA":
        return np.asarray(file.getchannel(0) if as_labels else file.convert("RGB")), False
    if file.mode == "CMYK":
        if "adobe" not in file.info:
            # Pillow takes all of them for Adobe's, in which 0 is full ink.
            from PIL import ImageChops

            file = ImageChops.invert(file)
        return np.asarray(file.convert("RGB")), False
    array = np.asarray(file)
    return array.astype(array.dtype.newbyteorder("="), copy=False), file.mode in (
        "LA",
        "RGBA",
        "La",
    )


def orientation_of_picture(file: Any) -> int:
    """Return by which turn or flip of EXIF a picture would stand upright; 1 is none."""
    try:
        value = file.getexif().get(_ORIENTATION, 1)
    except DECODING:
        return 1
    return int(value) if value in range(1, 9) else 1

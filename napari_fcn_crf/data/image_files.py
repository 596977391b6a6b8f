"""Images, labels and probabilities as files that other programs read and write too."""

from __future__ import annotations

import logging
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path, expect_file
from napari_fcn_crf.data.image_bounds import (
    PictureFile,
    TooLargeError,
    check_pages,
    check_size,
)
from napari_fcn_crf.data.ome_companions import OMEError, check_ome
from napari_fcn_crf.data.tiff_directory import check_directory, check_texts
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_LOSSLESS = ("PNG", "BMP", "GIF", "PPM")
_FORMATS = (*_LOSSLESS, "JPEG", "WEBP", "JPEG2000")
"""Pillow has others that start programs or read other files."""

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# What damaged TIFF files are told about otherwise stands on the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# What the decoders of damaged files have been seen to raise.
_DECODING = (
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


@dataclass(frozen=True)
class Probabilities:
    """What a probability file holds.

    Parameters
    ----------
    values : array, shape `(n_classes, *spatial)`
    class_values : tuple of int
        Label value of each class; 0, 1, 2 ... if the file does not say.
    """

    values: npt.NDArray[Any]
    class_values: tuple[int, ...]


def read_image(path: str | Path) -> npt.NDArray[Any]:
    """Read a TIFF, PNG, JPEG, BMP, GIF, PNM, WebP or JPEG 2000 file, whatever its name ends in.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    return _read(_existing(path, "an image"), "an image", labels=False)


def read_labels(path: str | Path) -> npt.NDArray[np.integer]:
    """Read a label image: one whole number a pixel, as TIFF or PNG (gray or with a palette).

    Colour images whose channels are all alike are gray ones.

    Raises
    ------
    ValueError
        If it cannot be read, is a colour image, or was compressed with loss.
    """
    path = _existing(path, "a label image")
    labels = _read(path, "a label image", labels=True)
    if labels.ndim == 3 and labels.shape[-1] in (3, 4):
        if (labels[..., :3] == labels[..., :1]).all():
            return labels[..., 0]
        raise InputError(
            f"Labels must be one number a pixel, but {quoted(path.name)} is a colour image. "
            "Save them as a gray or indexed PNG or a TIFF."
        )
    return labels


def read_probabilities(path: str | Path) -> Probabilities:
    """Read class probabilities, the class axis first.

    Raises
    ------
    ValueError
        If it is not a TIFF file with at least three axes.
    """
    path = _existing(path, "a probability image")
    name = quoted(path.name)
    expected = "Expected a TIFF file of probabilities, one plane a class on the first axis, but "
    if not _is_tiff(path):
        raise InputError(f"{expected}{name} is none. Choose one that `predict` wrote.")
    values, metadata = _read_tiff(path, "a probability image")
    if values.ndim < 3:
        raise InputError(
            f"{expected}{name} has the shape {values.shape}. Choose one that `predict` wrote."
        )
    class_values = metadata.get("class_values", ())
    if not isinstance(class_values, list) or len(class_values) != len(values):
        class_values = range(len(values))
    if not all(type(value) is int and abs(value) < 2**63 for value in class_values):
        raise InputError(
            f"The labels of the classes in {name} are not whole numbers below 2^63. Choose a file "
            "that `predict` wrote."
        )
    return Probabilities(values, tuple(class_values))


def write_probabilities(
    path: str | Path, values: npt.NDArray[np.float32], class_values: tuple[int, ...]
) -> None:
    """Write class probabilities as a float32 TIFF stack, one plane a class.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    metadata = {"class_values": list(class_values)}
    _write_tiff(path, np.asarray(values, np.float32), metadata)


def write_labels(path: str | Path, labels: npt.NDArray[np.integer]) -> None:
    """Write a label image as TIFF.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    _write_tiff(path, labels, {})


def _write_tiff(path: str | Path, array: npt.NDArray[Any], metadata: dict[str, Any]) -> None:
    import tifffile

    with atomic_path(path) as temporary:
        # Said outright, or three planes would be taken for red, green and blue.
        tifffile.imwrite(
            temporary, array, photometric="minisblack", compression="zlib", metadata=metadata
        )


def _read(path: Path, kind: str, *, labels: bool) -> npt.NDArray[Any]:
    """Read a file; a palette's indices are what labels are stored as, and images are not."""
    from PIL import Image

    if _is_tiff(path):
        return _read_tiff(path, kind)[0]
    try:
        with PictureFile(path) as content, Image.open(content, formats=_FORMATS) as file:
            if labels and file.format not in _LOSSLESS:
                raise _LossyError(file.format)
            # Pillow keeps four bytes of a pixel, whatever the file has.
            check_size(path, 4 * file.width * file.height, copies=2)
            content.expect_format(file.format)
            has_palette = file.mode in ("P", "PA")
            return np.asarray(file.convert("RGB") if has_palette and not labels else file)
    except _LossyError as error:
        raise InputError(
            f"Labels must be exact, but {quoted(path.name)} is a {error}, which changes values. "
            "Save them as PNG or TIFF."
        ) from error
    except TooLargeError:
        raise
    except (*_DECODING, Image.DecompressionBombError) as error:
        raise _unreadable(path, kind) from error


class _LossyError(Exception):
    """Labels in a file that does not keep them."""


def _read_tiff(path: Path, kind: str) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Return a TIFF file's first series, and what this package or tifffile noted in it."""
    import tifffile

    try:
        check_directory(path)
        with tifffile.TiffFile(path) as file:
            check_texts(file)
            if file.is_ome:
                check_ome(path, file.ome_metadata or "")
            # Those two keep a stack in several files; this one's pages are what was chosen.
            if file.is_mmstack or file.is_ndtiff:
                check_pages(path, file.pages, sum(page.nbytes for page in file.pages))
                return np.asarray(file.asarray(key=slice(None))), {}
            check_pages(path, file.series[0].pages, file.series[0].nbytes)
            return np.asarray(file.asarray()), dict((file.shaped_metadata or ({},))[0])
    except (OMEError, TooLargeError):
        raise
    except _DECODING as error:
        raise _unreadable(path, kind) from error


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _TIFF_MAGICS


def _existing(path: str | Path, kind: str) -> Path:
    path = Path(path)
    expect_file(path, kind)
    return path


def _unreadable(path: Path, kind: str) -> InputError:
    return InputError(
        f"Expected {kind}, but {quoted(path.name)} cannot be read as one. It may be damaged, or of "
        "a kind that must be converted to TIFF or PNG first."
    )

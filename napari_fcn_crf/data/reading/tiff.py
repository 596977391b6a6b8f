"""TIFF files: which of their images is meant, its axes, its colours and the size of its pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from napari_fcn_crf.data.reading import tiff_colours, tiff_spacing
from napari_fcn_crf.data.reading.limits import check_pages, check_texts
from napari_fcn_crf.data.reading.ome import check_ome, outer_description
from napari_fcn_crf.data.reading.raster import DECODING, Raster, ToldError, unreadable
from napari_fcn_crf.data.reading.tiff_axes import our_letters, with_one_channel_axis
from napari_fcn_crf.data.reading.tiff_directory import check_directory
from napari_fcn_crf.quoting import quoted

Purpose = Literal["an image", "a label image", "a probability image"]
Found = TypeVar("Found")

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PLANAR, _RGB = 2, 2
_TRANSPARENCY_MASK = 4
_ORIENTATION = 274

ALONE: dict[str, Any] = {"is_mmstack": False, "is_ndtiff": False}
"""By which tifffile opens one file: those two would read others of its folder, of any name."""

# What damaged TIFF files are told about otherwise stands on the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def is_tiff(path: Path) -> bool:
    """Return whether a file is a TIFF file, by its content."""
    with path.open("rb") as file:
        return file.read(4) in _MAGICS


def read_tiff(path: Path, purpose: Purpose) -> Raster:
    """Read the largest of a TIFF file's images, the first of several such.

    Of an image, colours are as a viewer shows them; of anything else, the numbers that are stored.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    return with_tiff(path, purpose, lambda file: _read(path, file, purpose))


def with_tiff(path: Path, purpose: Purpose, look: Callable[[Any], Found]) -> Found:
    """Return what a function finds in a TIFF file that is looked at, no more than it may hold.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    import tifffile

    try:
        check_directory(path)
        with tifffile.TiffFile(path, **ALONE) as file:
            check_texts(file)
            description = None
            if file.is_ome:
                description = outer_description(path, file.ome_metadata or "")
                check_ome(path, description or file.ome_metadata or "")
            if description is None:
                return look(file)
        with tifffile.TiffFile(path, omexml=description, **ALONE) as file:
            return look(file)
    except ToldError:
        raise
    except ImportError as error:
        raise _no_decoder(path, str(error)) from error
    except (*DECODING, MemoryError) as error:
        # What memory suffices for was looked at, so it asks for more than an image has.
        raise unreadable(path, purpose) from error


def _read(path: Path, file: Any, purpose: Purpose) -> Raster:
    series, notes = largest(file.series)
    page = series.keyframe
    _check_decoder(path, page)
    check_pages(path, series.pages, series.nbytes)
    array, axes = np.asarray(series.asarray()), series.axes
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    pages = list(series.pages)
    notes += notes_of_pages(series)
    is_numbers = purpose != "an image"
    if not is_numbers and page.photometric == 3 and file.is_imagej:
        is_numbers = tiff_colours.is_scale_of_intensities(page)
        if is_numbers:
            notes.append("its colours are a scale of intensities, which are read")
    # tifffile itself stores arrays of booleans with 0 as white.
    is_bilevel = array.dtype.kind == "b" and series.kind != "shaped"
    alpha = False
    if not is_numbers and (array.dtype.kind != "b" or is_bilevel):
        array, axes = tiff_colours.as_shown(array, axes, page, pages)
    elif is_bilevel and page.photometric == 0:
        # Of two values, what counts is how they look, since every program stores them in its way.
        array = ~array
    if "S" in axes and page.photometric != 3:
        array, alpha = tiff_colours.without_transparency(array, axes, page)
    if purpose == "a label image" and series.kind == "shaped" and _is_three_planes(page, axes):
        axes = axes.replace("S", "Q")
    array, axes = with_one_channel_axis(array, axes)
    letters, guessed = our_letters(axes)
    if alpha:
        array = np.moveaxis(array, letters.index("c"), -1)
        letters = letters.replace("c", "") + "c"
    return Raster(
        array=array,
        axes=letters,
        guessed=guessed,
        alpha=alpha,
        spacing=spacing_of(file, series, page),
        orientation=orientation_of(page),
        notes=tuple(notes),
        metadata=dict((file.shaped_metadata or ({},))[0]),
    )


def largest(all_series: list[Any]) -> tuple[Any, list[str]]:
    """Return the image with the most pixels, and what to say of the others."""
    images = [one for one in all_series if one.keyframe.photometric != _TRANSPARENCY_MASK]
    images = images or all_series
    found = max(images, key=lambda one: one.size)
    notes = []
    if len(images) > 1:
        number = images.index(found) + 1
        alike = sum(one.size == found.size for one in images)
        which = "the largest" if alike == 1 else "the first of the largest"
        notes.append(f"it holds {len(images)} images, of which number {number} is read, {which}")
    return found, notes


def notes_of_pages(series: Any) -> list[str]:
    """Return what to say of planes that an image lacks."""
    n_missing = sum(one is None for one in series.pages)
    if not n_missing:
        return []
    return [f"{n_missing} of its {len(series.pages)} planes are not in the file: they are 0"]


def _is_three_planes(page: Any, axes: str) -> bool:
    """Return whether planes, of which tifffile takes three for colours, are no colours."""
    return page.planarconfig == _PLANAR and page.photometric == _RGB and "S" in axes


def orientation_of(page: Any) -> int:
    """Return by which turn or flip a page would stand upright; 1 is none."""
    value = page.tags.valueof(_ORIENTATION, default=1)
    return int(value) if value in range(1, 9) else 1


def spacing_of(file: Any, series: Any, page: Any) -> tiff_spacing.Spacing:
    """Return the sizes that a file says of one of its images' pixels."""
    if file.is_ome and series.kind == "ome":
        number = [one is series for one in file.series].index(True)
        return tiff_spacing.ome_spacing(file.ome_metadata or "", number)
    if file.is_imagej:
        return tiff_spacing.imagej_spacing(file.imagej_metadata or {}, page)
    noted = tiff_spacing.noted_spacing((file.shaped_metadata or ({},))[0])
    return {**tiff_spacing.resolution_spacing(page), **noted}


def _check_decoder(path: Path, page: Any) -> None:
    import tifffile

    try:
        if page.compression != 1:
            tifffile.TIFF.DECOMPRESSORS[page.compression]
    except KeyError as error:
        raise _no_decoder(path, str(page.compression)) from error
    if page.is_subsampled and page.compression not in (6, 7, 33007, 34892):
        raise _no_decoder(path, "YCbCr with fewer pixels of colour")


def _no_decoder(path: Path, compression: str) -> ToldError:
    name = getattr(compression, "name", compression)
    return ToldError(
        f"{quoted(path.name)} is compressed in a way that there is no decoder for here "
        f"({quoted(name)}). Save it with another compression, such as LZW or deflate."
    )

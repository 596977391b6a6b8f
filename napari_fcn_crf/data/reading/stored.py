"""Form in which an image is stored in a file, without its pixels: for who read these otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_fcn_crf.data.reading.deep_pictures import is_deep_colour_png
from napari_fcn_crf.data.reading.limits import PieceReader
from napari_fcn_crf.data.reading.pictures import FILM_FORMATS, FORMATS, orientation_of_picture
from napari_fcn_crf.data.reading.raster import DECODING
from napari_fcn_crf.data.reading.tiff import (
    is_tiff,
    largest,
    orientation_of,
    spacing_of,
    with_tiff,
)
from napari_fcn_crf.data.reading.tiff_axes import our_letters
from napari_fcn_crf.data.reading.tiff_colours import (
    is_scale_of_intensities,
    last_is_transparency,
    stored_as,
)


@dataclass(frozen=True)
class StoredForm:
    """What a file says of the numbers that are stored in it.

    Parameters
    ----------
    axes : str
        Our letters, one an axis; empty if they cannot be told. Of a TIFF file those of its first
        image, which programs read that do not choose.
    shape : tuple of int
    guessed : bool
        Whether the file does not say what its planes are.
    alpha : bool
        Whether the last channel is transparency.
    bits : int
        Of each number; of colours that most programs cut to 8, the file's own.
    orientation : int
        By which of the eight turns and flips of EXIF it would stand upright; 1 is none.
    needs : str
        What the numbers are, where they are not how bright it looks, such as "numbers of a
        palette".
    n_images : int
        How many images there are.
    is_largest : bool
        Whether none of them is larger than this one.
    spacing : mapping of an axis to (float, str)
        Size of a pixel and its unit, "meter" or "second", of those axes that the file says it of.
    """

    axes: str
    shape: tuple[int, ...]
    guessed: bool = False
    alpha: bool = False
    bits: int = 8
    orientation: int = 1
    needs: str = ""
    n_images: int = 1
    is_largest: bool = True
    spacing: Mapping[str, tuple[float, str]] = field(default_factory=dict)


def stored_form(path: Path) -> StoredForm | None:
    """Return the form in which an image is stored in a file; None if it cannot be told."""
    try:
        return with_tiff(path, "an image", _of_tiff) if is_tiff(path) else _of_picture(path)
    except (*DECODING, MemoryError):
        return None


def _of_tiff(file: Any) -> StoredForm:
    series = file.series[0]
    page, shape = series.keyframe, tuple(map(int, series.shape))
    letters, guessed = our_letters(series.axes)
    is_scale = file.is_imagej and is_scale_of_intensities(page)
    is_array = series.kind == "shaped" and series.dtype.kind == "b"
    return StoredForm(
        # Channels of several colours each are two axes by one name.
        axes=letters if len(set(letters)) == len(letters) else "",
        shape=shape,
        guessed=guessed,
        alpha=last_is_transparency(series.axes, shape, page),
        bits=8 * series.dtype.itemsize,
        orientation=orientation_of(page),
        needs="" if is_scale or is_array else stored_as(page, series.dtype),
        n_images=len(file.series),
        is_largest=largest(file.series)[0] is series,
        spacing=spacing_of(file, series, page),
    )


def _of_picture(path: Path) -> StoredForm:
    from PIL import Image

    with PieceReader(path) as content, warnings.catch_warnings():
        # Of many pixels, none of which is read.
        warnings.simplefilter("ignore")
        with Image.open(content, formats=FORMATS) as file:
            n_frames = getattr(file, "n_frames", 1) if file.format in FILM_FORMATS else 1
            bands = file.getbands()
            # A palette is looked up by whoever reads a picture at all.
            count = 3 if file.mode in ("P", "PA") else len(bands)
            is_deep = file.format == "PNG" and is_deep_colour_png(path)
            return StoredForm(
                axes=("t" if n_frames > 1 else "") + ("yxc" if count > 1 else "yx"),
                shape=(
                    *((n_frames,) if n_frames > 1 else ()),
                    file.height,
                    file.width,
                    *((count,) if count > 1 else ()),
                ),
                alpha=bands[-1] in ("A", "a") and count > 1,
                bits=16 if is_deep or file.mode.startswith("I;16") else 8,
                orientation=orientation_of_picture(file),
                needs="inks (CMYK)" if file.mode == "CMYK" else "",
            )

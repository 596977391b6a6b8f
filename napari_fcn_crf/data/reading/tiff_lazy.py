"""TIFF images that are larger than memory: what is asked for of them is read then, and no more."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.reading import tiff_colours
from napari_fcn_crf.data.reading.limits import check_pages
from napari_fcn_crf.data.reading.raster import DECODING, Raster, ToldError
from napari_fcn_crf.data.reading.tiff import (
    ALONE,
    is_tiff,
    largest,
    notes_of_pages,
    orientation_of,
    spacing_of,
    with_tiff,
)
from napari_fcn_crf.data.reading.tiff_axes import our_letters
from napari_fcn_crf.quoting import quoted

LARGE_BYTES = 2**31
"""Unpacked, of an image that is segmented block by block: its probabilities are several times as
many. The same on all machines, since what results are called depends on it."""

_MOST_AT_ONCE = 2**30
"""Unpacked, of what is stored in one piece."""

_LOOKED_AT_BYTES = 2**26
"""Smaller files hold no large image, unless that is mostly of one colour."""


class LazyTiff:
    """Pixels of a TIFF image, which are read when they are asked for.

    Parameters
    ----------
    path : Path
    array : array of zarr, or mapped into memory
    close : callable
        Closes the file, when there is no such array any more.
    """

    def __init__(self, path: Path, array: Any, close: Callable[[], None]) -> None:
        self._path, self._array = path, array
        weakref.finalize(self, close)
        self.shape = tuple(map(int, array.shape))
        self.dtype = np.dtype(array.dtype).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Return a part of it, in memory."""
        return np.asarray(self._array[key]).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        """Refuse to be read whole."""
        n_bytes = math.prod(self.shape) * self.dtype.itemsize
        raise ToldError(
            f"{quoted(self._path.name)} needs {n_bytes / 1e9:.1f} GB of memory when it is "
            "unpacked, which is too much to be read whole. Segment it with `batch`, or with "
            "predict(..., out=), block by block."
        )


def is_large_tiff(path: Path) -> bool:
    """Return whether a file is a TIFF image that is read, and segmented, block by block."""
    try:
        if path.stat().st_size < _LOOKED_AT_BYTES or not is_tiff(path):
            return False
        found: bool = with_tiff(path, "an image", lambda file: _is_large(largest(file.series)[0]))
        return found
    except (*DECODING, MemoryError):
        return False  # which is told when it is read


def read_tiff_lazily(path: Path) -> Raster:
    """Return the largest of a TIFF file's images, of which nothing is read yet.

    Raises
    ------
    ValueError
        If its pixels are not stored as they look, or not in pieces; the message names the file.
    """
    import tifffile
    import zarr

    def look(file: Any) -> tuple[int, Raster]:
        series, notes = largest(file.series)
        page = series.keyframe
        _check(path, series, page)
        # Nothing of it is unpacked at once.
        check_pages(path, series.pages, 0)
        letters, guessed = our_letters(series.axes)
        raster = Raster(
            np.zeros(()),
            letters,
            guessed=guessed,
            alpha=tiff_colours.last_is_transparency(series.axes, series.shape, page),
            spacing=spacing_of(file, series, page),
            orientation=orientation_of(page),
            notes=(*notes, *notes_of_pages(series)),
        )
        return [one is series for one in file.series].index(True), raster

    number, found = with_tiff(path, "an image", look)
    file = tifffile.TiffFile(path, **ALONE)
    series = file.series[number]
    array: Any
    if series.dataoffset is not None and series.keyframe.is_memmappable:
        dtype = series.dtype.newbyteorder(file.byteorder)
        array = np.memmap(path, dtype, "r", series.dataoffset, series.shape)
    else:
        array = zarr.open_array(series.aszarr(level=0), mode="r")
    lazy: Any = LazyTiff(path, array, file.close)
    return replace(found, array=lazy)


def _is_large(series: Any) -> bool:
    return int(series.nbytes) > LARGE_BYTES


def _check(path: Path, series: Any, page: Any) -> None:
    name = quoted(path.name)
    is_stored_otherwise = tiff_colours.stored_as(page, series.dtype)
    if (
        is_stored_otherwise
        or {"C", "S"} <= set(series.axes)
        or not series.axes.endswith(("YX", "YXS"))
    ):
        what = is_stored_otherwise or f"of the axes {series.axes}"
        raise ToldError(
            f"{name} is too large to be read whole, and its pixels are {what}, which are not read "
            "piece by piece. Save it as gray or RGB, or as OME-Zarr."
        )
    at_once = math.prod(page.chunks) * series.dtype.itemsize
    if at_once > _MOST_AT_ONCE and not page.is_memmappable:
        raise ToldError(
            f"{name} is too large to be read whole, but is stored in one piece. Save it in tiles, "
            "or as OME-Zarr."
        )

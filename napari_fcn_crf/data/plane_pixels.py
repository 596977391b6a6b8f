"""Pixels of one plane of a picture, of which only what is asked for is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.reading.raster import DECODING
from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.quoting import quoted


class PlanePixels:
    """One plane of a picture as `(rows, columns, channels)`: `plane[rows, columns]` is read then.

    Parameters
    ----------
    picture : Picture
        Of any array that can be indexed by slices: dask, zarr, memory-mapped or in memory.
    index : tuple of int
        Of the plane, along the axes before rows and columns.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    """

    def __init__(self, picture: Picture, index: tuple[int, ...] = ()) -> None:
        self._picture, self._index = picture, index
        self.dtype = np.dtype(picture.array.dtype)
        if self.dtype.kind not in "buif":
            raise InputTypeError(
                f"An image must hold real numbers, but this one's type is {self.dtype}. "
                "Convert it first, e.g. image.astype('float32')."
            )
        self.shape = (*picture.spatial_shape[-2:], picture.channels)

    def __getitem__(self, place: tuple[slice, slice]) -> npt.NDArray[Any]:
        """Return the pixels `(rows, columns, channels)` of a region.

        Raises
        ------
        ValueError
            If they cannot be read, or one is infinite.
        """
        picture = self._picture
        along = iter((*self._index, *place))
        key = tuple(slice(None) if axis == "c" else next(along) for axis in picture.axes)
        try:
            found = np.asarray(picture.array[key])
        except DECODING as error:
            raise InputError(
                f"{_name(picture)} cannot be read at {_where(self._index, place)}: it may be "
                f"damaged ({quoted(f'{type(error).__name__}: {error}', 120)})."
            ) from error
        # Axes that were indexed are gone; what is left are rows, columns and maybe channels.
        left = [axis for axis, at in zip(picture.axes, key, strict=True) if isinstance(at, slice)]
        if "c" in left:
            found = np.moveaxis(found, left.index("c"), -1)[..., : picture.channels]
        else:
            found = found[..., np.newaxis]
        if found.dtype.kind == "f":
            if found.dtype.itemsize > 8:
                with np.errstate(over="ignore"):  # to infinity, which is told
                    found = found.astype(np.float64)
            if np.isinf(found).any():
                raise InputError(
                    f"An image must have no infinite values, but {_name(picture)} has some at "
                    f"{_where(self._index, place)}. Fill them first, e.g. with numpy.nan_to_num."
                )
        return found


def _name(picture: Picture) -> str:
    return quoted(picture.name) if picture.name else "the image"


def _where(index: tuple[int, ...], place: tuple[slice, slice]) -> str:
    rows, columns = (f"{part.start} to {part.stop - 1}" for part in place)
    plane = f"plane {', '.join(map(str, index))}, " if index else ""
    return f"{plane}rows {rows}, columns {columns}"

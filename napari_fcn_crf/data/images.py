"""Checks of image arrays before anything is computed from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.picture import MINIMUM_SIDE_PX
from napari_fcn_crf.input_error import InputError, InputTypeError


def check_image(image: Any) -> npt.NDArray[Any]:
    """Return the image as a numpy array (dask and zarr are computed), or say what is wrong.

    Raises
    ------
    TypeError
        If it is not an array of real numbers.
    ValueError
        If it has fewer than two axes, no pixels, infinite values, or nothing but NaN.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise InputTypeError(
            f"An image must hold real numbers, but this one's type is {array.dtype}. "
            "Convert it first, e.g. image.astype('float32')."
        )
    if array.ndim < 2 or array.size == 0:
        raise InputError(
            "An image needs at least two axes with pixels in them, but its shape is "
            f"{array.shape}. Choose another layer."
        )
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:
            with np.errstate(over="ignore"):  # to infinity, which is told
                array = array.astype(np.float64)
        bad = int(np.count_nonzero(np.isinf(array)))
        if bad:
            raise InputError(
                f"An image must have no infinite values, but {bad} of {array.size} are. Fill them "
                "first, e.g. with numpy.nan_to_num."
            )
        if np.isnan(array).all():
            raise InputError("The image has no values: all of them are NaN. Choose another image.")
    return array


def check_not_constant(image: npt.NDArray[Any]) -> None:
    """Refuse an image in which every value is the same.

    Raises
    ------
    ValueError
        With the value found.
    """
    low, high = np.nanmin(image), np.nanmax(image)
    if low == high:
        raise InputError(
            f"The image must have contrast, but every value in it is {low}. Choose another image."
        )


def check_size(spatial_shape: tuple[int, ...]) -> None:
    """Refuse an image too small for five poolings.

    Raises
    ------
    ValueError
        If rows or columns are fewer than 32.
    """
    rows, columns = spatial_shape[-2:]
    if min(rows, columns) < MINIMUM_SIDE_PX:
        raise InputError(
            f"The network needs images of at least {MINIMUM_SIDE_PX} x {MINIMUM_SIDE_PX} pixels, "
            f"but this one is {rows} x {columns}. Enlarge it first, e.g. with "
            "skimage.transform.rescale."
        )


def planes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Iterate over the indices of the 2-D planes of a spatial shape."""
    yield from np.ndindex(*shape[:-2])

"""Probabilities of classes: what they must be, wherever they come from and go to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.picture import same_spatial_shape
from napari_fcn_crf.input_error import InputError, InputTypeError

Probabilities = npt.NDArray[np.float32]

SUM_TOLERANCE = 1e-2
"""How far a pixel's sum may be off one: as far as rounding to eight bits brings it."""

_VALUES_AT_ONCE = 2**18

_EXPECTED = "Expected probabilities, one plane a class on the first axis, but "
_REMEDY = "Choose the layer that Predict made from this image."


def as_probabilities(
    probabilities: npt.ArrayLike, spatial_shape: tuple[int, ...] | None = None
) -> Probabilities:
    """Return probabilities as float32 `(n_classes, *spatial)`; their values are not looked at.

    Parameters
    ----------
    probabilities : array
    spatial_shape : tuple of int, optional
        The image's, without channels.

    Raises
    ------
    TypeError, ValueError
        If they are not real numbers, or of another shape than the image.
    """
    array = _with_shape(probabilities, spatial_shape)
    with np.errstate(over="ignore"):  # to infinity, which is refused with what is negative
        return np.ascontiguousarray(array, np.float32)


def check_probabilities(
    probabilities: npt.ArrayLike, spatial_shape: tuple[int, ...] | None = None
) -> Probabilities:
    """Return probabilities as float32 `(n_classes, *spatial)`, or say what is wrong with them.

    Parameters
    ----------
    probabilities : array
    spatial_shape : tuple of int, optional
        The image's, without channels.

    Raises
    ------
    TypeError, ValueError
        If they are not real numbers from 0 to 1 whose sum over the classes is one, or of another
        shape than the image.
    """
    array = _with_shape(probabilities, spatial_shape)
    check_range(array, SUM_TOLERANCE)
    lowest, highest = np.inf, -np.inf
    # Some planes or rows at a time: the sums of a large image are large, too.
    step = max(1, _VALUES_AT_ONCE * array.shape[1] // array.size)
    # Good enough for what they may be off.
    precision = np.float32 if array.dtype == np.float32 else np.float64
    for first in range(0, array.shape[1], step):
        total = array[:, first : first + step].sum(axis=0, dtype=precision)
        lowest, highest = min(lowest, float(total.min())), max(highest, float(total.max()))
    if not np.allclose([lowest, highest], 1, atol=SUM_TOLERANCE):
        raise InputError(
            f"{_EXPECTED}their sum over the classes goes from {lowest:.3g} to {highest:.3g} "
            f"instead of being 1. {_REMEDY}"
        )
    return np.asarray(array, np.float32)


def check_range(array: npt.NDArray[Any], tolerance: float = 0.0) -> None:
    """Refuse numbers that are no probabilities.

    Raises
    ------
    ValueError
        If one is not finite, below 0, or above 1 by more than the tolerance.
    """
    lowest, highest = array.min(), array.max()
    # A NaN anywhere is the smallest and the largest.
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise InputError(f"{_EXPECTED}some values are NaN or infinite. {_REMEDY}")
    if lowest < 0:
        raise InputError(f"{_EXPECTED}the lowest value is {lowest:.3g}, below 0. {_REMEDY}")
    if highest > 1 + tolerance:
        raise InputError(f"{_EXPECTED}the highest value is {highest:.3g}, above 1. {_REMEDY}")


def _with_shape(
    probabilities: npt.ArrayLike, spatial_shape: tuple[int, ...] | None
) -> npt.NDArray[Any]:
    array = np.asarray(probabilities)
    if array.dtype.kind not in "buif":
        raise InputTypeError(f"{_EXPECTED}the type is {array.dtype}. {_REMEDY}")
    found = array.shape[1:]
    if spatial_shape is None:
        spatial_shape = found
    if not array.size or len(found) < 2 or not same_spatial_shape(found, spatial_shape):
        raise InputError(
            f"{_EXPECTED}their shape is {array.shape} and the image's is {spatial_shape}. {_REMEDY}"
        )
    return array.reshape(-1, *spatial_shape)

"""Padding of rows and columns to multiples of the network's stride."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.layers.plane import Plane

STRIDE_PX = 32
"""What five poolings divide rows and columns by."""


def stride_padding(
    shape: tuple[int, int], stride: int = STRIDE_PX
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the pixels to add before and after rows and columns, split evenly."""
    missing = [-side % stride for side in shape]
    rows, columns = ((count // 2, count - count // 2) for count in missing)
    return rows, columns


def pad_image(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an image `(rows, columns, channels)` padded by reflection to multiples of 32."""
    return np.pad(image, (*stride_padding(image.shape[:2]), (0, 0)), mode="reflect")


def padded_window(
    image: Plane, before: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return a window of an image that is continued by reflection.

    Parameters
    ----------
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
    before : tuple of int
        Rows and columns that it is continued by in front.
    corner : tuple of int
        First row and column of the window in what is continued.
    size : tuple of int
        Rows and columns of the window.
    """
    cuts, margins = [], []
    for first, side, length, ahead in zip(corner, size, image.shape, before, strict=False):
        start, stop = first - ahead, first - ahead + side
        cuts.append(slice(max(start, 0), min(stop, length)))
        margins.append((max(-start, 0), max(stop - length, 0)))
    rows, columns = cuts
    cut = image[rows, columns]
    return np.pad(cut, (*margins, (0, 0)), mode="reflect") if np.any(margins) else cut


def pad_constant(plane: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    """Return an array `(rows, columns)` padded with a value to multiples of 32."""
    return np.pad(plane, stride_padding(plane.shape), constant_values=value)


def crop(padded: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return the inner `(rows, columns, ...)` that `pad_image` put a margin around."""
    (top, _), (left, _) = stride_padding(shape)
    return padded[top : top + shape[0], left : left + shape[1]]

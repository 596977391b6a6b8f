"""Intensities of an image that is larger than memory, and what tells it from others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.intensity import IntensityMapping, sampling_step
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.plane_pixels import PlanePixels
from napari_fcn_crf.settings import IntensityChoice

_ALL_READ_VALUES = 1 << 28
_WINDOW_PX = 256
_MOST_WINDOWS = 256
_STRIP_VALUES = 1 << 24
_DIGEST_PLANES, _DIGEST_WINDOWS, _DIGEST_PX = 4, 3, 16


def lazy_mapping(
    mapping: IntensityMapping | None, picture: Picture, choice: IntensityChoice = "auto"
) -> tuple[IntensityMapping, str]:
    """Return how an image that is read region by region is mapped, and what to say of it.

    Parameters
    ----------
    mapping : IntensityMapping, optional
        The model's; without, the image's own range counts.
    picture : Picture
    choice : {"auto", "model", "image"}

    Returns
    -------
    mapping : IntensityMapping
    note : str
        See `IntensityMapping.for_image`.
    """
    dtype = np.dtype(picture.array.dtype)
    if mapping is None:
        return IntensityMapping.fit(sampled(picture)), ""
    is_known = mapping.dtype in ("", "uint8") and dtype == np.uint8
    if choice == "model" or (choice == "auto" and is_known):
        return mapping, ""
    return mapping.for_image(sampled(picture), choice)


def sampled(picture: Picture) -> npt.NDArray[Any]:
    """Return pixels `(pixels, channels)` that stand for all, in bounded memory.

    Up to 2^28 values they are those that `IntensityMapping` takes of an image in memory, so that
    both are mapped alike. Beyond, they are those of 256 windows all over it.
    """
    values = math.prod(picture.spatial_shape) * picture.channels
    if values > _ALL_READ_VALUES:
        return np.concatenate(list(_windows(picture)))
    return np.concatenate(
        list(_every(picture, sampling_step(values, np.dtype(picture.array.dtype))))
    )


def _every(picture: Picture, step: int) -> Iterator[npt.NDArray[Any]]:
    """Iterate over every so many pixels, in their order."""
    first = 0
    for index in planes(picture.spatial_shape):
        plane = PlanePixels(picture, index)
        rows, columns, channels = plane.shape
        at_once = max(1, _STRIP_VALUES // (columns * channels))
        for start in range(0, rows, at_once):
            strip = plane[slice(start, min(rows, start + at_once)), slice(0, columns)]
            flat = strip.reshape(-1, channels)
            yield flat[first::step]
            first = (first - len(flat)) % step


def _windows(picture: Picture) -> Iterator[npt.NDArray[Any]]:
    indices = list(planes(picture.spatial_shape))
    indices = indices[:: -(-len(indices) // _MOST_WINDOWS)]
    along = max(1, math.isqrt(_MOST_WINDOWS // len(indices)))
    # As many pixels of each as make up the sample.
    most = max(1, _STRIP_VALUES // (len(indices) * along**2 * picture.channels))
    for index in indices:
        plane = PlanePixels(picture, index)
        for rows in _spread(plane.shape[0], along):
            for columns in _spread(plane.shape[1], along):
                flat = plane[rows, columns].reshape(-1, picture.channels)
                yield flat[:: -(-len(flat) // most)]


def _spread(length: int, count: int, most_px: int = _WINDOW_PX) -> Iterator[slice]:
    """Iterate over windows at even distances."""
    side = min(most_px, -(-length // count))
    for k in range(count):
        start = (length - side) * k // max(1, count - 1)
        yield slice(start, start + side)


def image_digest(picture: Picture) -> str:
    """Return a hash of an image's type and shape and of a few windows, to tell it from others."""
    array = picture.array
    digest = hashlib.sha256(f"{array.dtype} {tuple(array.shape)} {picture.axes}".encode())
    indices = list(planes(picture.spatial_shape))
    for index in indices[:: -(-len(indices) // _DIGEST_PLANES)]:
        plane = PlanePixels(picture, index)
        for rows in _spread(plane.shape[0], _DIGEST_WINDOWS, _DIGEST_PX):
            for columns in _spread(plane.shape[1], _DIGEST_WINDOWS, _DIGEST_PX):
                digest.update(np.ascontiguousarray(plane[rows, columns]).data)
    return digest.hexdigest()

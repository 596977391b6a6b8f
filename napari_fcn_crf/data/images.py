"""Any image array as what the network and the CRF expect: checked, channels last, 0 to 255."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError, InputTypeError

MINIMUM_SIDE_PX = 32
_PERCENTILES = (0.5, 99.5)
_VALUES_AT_ONCE = 1 << 24
# Narrower is constant; 255 over it must be a number.
_LEAST_HALF_RANGE = 1e-300
_LAST_BUT_ONE = np.nextafter(np.finfo(np.float64).max, 0)


def check_image(image: Any) -> npt.NDArray[Any]:
    """Return the image as a numpy array (dask and zarr are computed), or say what is wrong.

    Raises
    ------
    TypeError
        If it is not an array of real numbers.
    ValueError
        If it has fewer than two axes, no pixels, or values that are not finite.
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
        bad = array.size - int(np.count_nonzero(np.isfinite(array)))
        if bad:
            raise InputError(
                f"An image must have finite values only, but {bad} of {array.size} are NaN or "
                "infinite. Fill them first, e.g. with numpy.nan_to_num."
            )
    return array


def check_not_constant(image: npt.NDArray[Any]) -> None:
    """Refuse an image in which every value is the same.

    Raises
    ------
    ValueError
        With the value found.
    """
    low, high = image.min(), image.max()
    if low == high:
        raise InputError(
            f"The image must have contrast, but every value in it is {low}. Choose another image."
        )


def split_channels(
    image: npt.NDArray[Any], spatial_shape: tuple[int, ...] | None = None
) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """Return the image as `(*spatial, channels)` and its spatial shape.

    Parameters
    ----------
    image : array, shape `(*spatial)` or `(*spatial, channels)`
    spatial_shape : tuple of int, optional
        Shape of the labels or the probabilities that belong to the image, which tells whether the
        last axis is channels. Without it, a last axis of 3 or 4 behind at least two others is.

    Raises
    ------
    ValueError
        If `spatial_shape` is neither the image's shape nor its shape without the last axis.
    """
    if spatial_shape is None:
        has_channels = image.ndim >= 3 and image.shape[-1] in (3, 4)
        spatial_shape = image.shape[:-1] if has_channels else image.shape
    if image.shape == spatial_shape:
        return image[..., np.newaxis], spatial_shape
    if image.shape[:-1] == spatial_shape:
        return image, spatial_shape
    raise InputError(
        f"Image and labels must have the same shape, but the image is {_by(image.shape)} and the "
        f"labels are {_by(spatial_shape)}. Choose the labels that were painted on this image."
    )


def drop_alpha(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an RGBA image `(*spatial, 4)` without its alpha; any other as it is.

    Only 8-bit images with four channels are taken for RGBA; float ones are when every alpha is 1.
    """
    if image.shape[-1] != 4:
        return image
    is_rgba = image.dtype == np.uint8 or bool((image[..., 3] == 1).all())
    return image[..., :3] if is_rgba else image


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


@dataclass(frozen=True)
class IntensityMapping:
    """Linear map of each channel's range onto 0 to 255, kept with the model.

    Parameters
    ----------
    low, high : tuple of float, one a channel
        Values mapped to 0 and 255. Values outside go outside, up to a factor of two, so that
        an unusually bright spot stays brighter than its surroundings.
    """

    FARTHEST: ClassVar[float] = 510.0
    """No mapped value is farther from 0."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, image: npt.NDArray[Any]) -> IntensityMapping:
        """Return the mapping for an image `(*spatial, channels)`.

        uint8 and bool keep their scale; other types are mapped by their 0.5 and 99.5 percentiles.
        """
        channels = image.shape[-1]
        if image.dtype == np.uint8:
            return cls((0.0,) * channels, (255.0,) * channels)
        if image.dtype == np.bool_:
            return cls((0.0,) * channels, (1.0,) * channels)
        flat = image.reshape(-1, channels)
        # Of a very large image, every so many pixels tell as much. Halved, since the difference of
        # two numbers may be too large for their type.
        half = np.multiply(flat[:: max(1, flat.size // _VALUES_AT_ONCE)], 0.5, dtype=np.float64)
        low, high = 2 * np.percentile(half, _PERCENTILES, axis=0)
        # A channel that is constant between the percentiles falls back to its whole range.
        is_flat = high / 2 - low / 2 < _LEAST_HALF_RANGE
        low = np.where(is_flat, flat.min(axis=0).astype(np.float64), low)
        high = np.where(is_flat, flat.max(axis=0).astype(np.float64), high)
        is_flat = high / 2 - low / 2 < _LEAST_HALF_RANGE
        low = np.where(is_flat, np.minimum(low, _LAST_BUT_ONE), low)
        high = np.where(
            is_flat, low + np.maximum(1, np.spacing(np.minimum(np.abs(low), _LAST_BUT_ONE))), high
        )
        return cls(tuple(map(float, low)), tuple(map(float, high)))

    @property
    def is_sane(self) -> bool:
        """Whether no channel's range is too narrow for the numbers' type."""
        return all(
            abs(high / 2 - low / 2) >= _LEAST_HALF_RANGE
            for low, high in zip(self.low, self.high, strict=True)
        )

    def apply(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the image `(*spatial, channels)` on the 0-255 scale as float32."""
        half_low = np.asarray(self.low, np.float64) / 2
        scale = 255.0 / (np.asarray(self.high, np.float64) / 2 - half_low)
        mapped = np.empty(image.shape, np.float32)
        # In double precision, but not all of it at once.
        step = max(1, _VALUES_AT_ONCE * len(image) // max(1, image.size))
        for first in range(0, len(image), step):
            values = np.multiply(image[first : first + step], 0.5, dtype=np.float64)
            values -= half_low
            with np.errstate(over="ignore"):  # to infinity, which is clipped
                values *= scale
            mapped[first : first + step] = np.clip(values, -255, self.FARTHEST)
        return mapped


def planes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Iterate over the indices of the 2-D planes of a spatial shape."""
    yield from np.ndindex(*shape[:-2])


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

"""Intensities on the scale from 0 to 255 that network and CRF work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.settings import IntensityChoice

_PERCENTILES = (0.5, 99.5)
_VALUES_AT_ONCE = 1 << 24
# Their scale is known, and their range only noted.
_EIGHT_BIT_VALUES = 1 << 20

_PADDING_SHARES = (0.005, 0.05)
_PADDING_VALUES = 64
"""Of the values that are the lowest one, or the highest, if that is padding; and no fewer."""

_PADDING_GAP = 2.0
_PADDING_GAP_AT_END = 0.25
"""How far from all others, in ranges of those; and where it is an end of a type with a sign."""

# Ranges of one kind of image differ by less: a twelve-bit image in a sixteen-bit one by 16.
_SAME_RANGE = 3.0

# Narrower is constant; 255 over it must be a number.
_LEAST_HALF_RANGE = 1e-300
_LAST_BUT_ONE = float(np.nextafter(np.finfo(np.float64).max, 0))


@dataclass(frozen=True)
class IntensityMapping:
    """Linear map of each channel's range onto 0 to 255, kept with the model.

    Parameters
    ----------
    low, high : tuple of float, one a channel
        Values mapped to 0 and 255. Values outside go outside, up to a factor of two, so that
        an unusually bright spot stays brighter than its surroundings.
    dtype : str
        Name of the type of the images it was fitted to; empty if that is not known.
    seen : tuple of (float, float), one a channel
        Where the 0.5 and 99.5 percentiles of these images are mapped to, by which images of
        another type are matched; from 0 to 255 if that is not known.
    """

    FARTHEST: ClassVar[float] = 510.0
    """No mapped value is farther from 0."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    dtype: str = ""
    seen: tuple[tuple[float, float], ...] = ()

    @classmethod
    def fit(cls, image: npt.NDArray[Any]) -> IntensityMapping:
        """Return the mapping for an image `(*spatial, channels)`.

        uint8 and bool keep their scale; other types are mapped by their 0.5 and 99.5 percentiles.
        NaN and padding, a number at an end of the range that is far from all others, do not count.
        """
        ranges = _ranges(image)
        if image.dtype == np.uint8:
            ends = [(0.0, 255.0)] * len(ranges)
        elif image.dtype == np.bool_:
            ends = [(0.0, 1.0)] * len(ranges)
        else:
            ends = ranges
        low, high = zip(*ends, strict=True)
        seen = tuple(
            (255 * (one / 2 - start / 2) / half, 255 * (two / 2 - start / 2) / half)
            for (one, two), (start, end) in zip(ranges, ends, strict=True)
            for half in (end / 2 - start / 2,)
        )
        return cls(low, high, image.dtype.name, seen)

    def matched(self, image: npt.NDArray[Any]) -> IntensityMapping:
        """Return the mapping that brings an image's own range to where this one's images were."""
        low, high = [], []
        seen = self.seen or ((0.0, 255.0),) * len(self.low)
        for (one, two), (start, end) in zip(_ranges(image), seen, strict=True):
            # Of a channel that was constant, all that is known is how bright it was.
            unit = (two / 2 - one / 2) / ((end - start if end > start else 255.0) / 2)
            low.append(_finite(one - start * unit))
            high.append(_finite(low[-1] + 255 * unit))
        return replace(self, low=tuple(low), high=tuple(high))

    def for_image(
        self, image: npt.NDArray[Any], choice: IntensityChoice = "auto"
    ) -> tuple[IntensityMapping, str]:
        """Return how an image is mapped for the model, and what to say of it.

        Parameters
        ----------
        image : array, shape `(*spatial, channels)`
        choice : {"auto", "model", "image"}
            By this mapping, by the image's own range, or by the latter where type or range are not
            those of the images that this mapping was fitted to.

        Returns
        -------
        mapping : IntensityMapping
        note : str
            A sentence if the image's own range is used though nobody asked for it, else empty.
        """
        if choice == "model" or (choice == "auto" and self._fits(image)):
            return self, ""
        own = self.matched(image)
        if choice == "image":
            return own, ""
        lows, highs = zip(*_ranges(image), strict=True)
        trained = f"{self.dtype} images" if self.dtype else "images"
        return own, (
            f"The image is {image.dtype.name} with values from {min(lows):.4g} to "
            f"{max(highs):.4g}, but the model was trained on {trained} with values from "
            f"{min(self.low):.4g} to {max(self.high):.4g}: it is mapped by its own range."
        )

    @property
    def is_sane(self) -> bool:
        """Whether no channel's range is too narrow for the numbers' type."""
        return all(
            abs(high / 2 - low / 2) >= _LEAST_HALF_RANGE
            for low, high in zip(self.low, self.high, strict=True)
        )

    def apply(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the image `(*spatial, channels)` on the 0-255 scale as float32; NaN becomes 0."""
        if image.dtype == np.uint8 and set(self.low) == {0.0} and set(self.high) == {255.0}:
            return image.astype(np.float32)
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
        if image.dtype.kind == "f":
            np.nan_to_num(mapped, copy=False, nan=0.0)
        return mapped

    def without_nan(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an image `(*spatial, channels)` whose NaN are what is mapped to 0."""
        if image.dtype.kind != "f" or not np.isnan(image).any():
            return image
        return np.where(np.isnan(image), np.asarray(self.low, image.dtype), image)

    def _fits(self, image: npt.NDArray[Any]) -> bool:
        """Whether an image is of the type and the range that this was fitted to."""
        name = image.dtype.name
        if not self.dtype or name == self.dtype == "uint8":
            return True
        types = {name, self.dtype}
        if len(types) > 1 and ("bool" in types or all(np.dtype(one).kind in "iu" for one in types)):
            return False
        for (one, two), low, high in zip(_ranges(image), self.low, self.high, strict=True):
            spans = two / 2 - one / 2, abs(high / 2 - low / 2)
            is_apart = one > max(low, high) or two < min(low, high)
            if is_apart or max(spans) > _SAME_RANGE * min(spans):
                return False
        return True


def sampling_step(values: int, dtype: np.dtype[Any]) -> int:
    """Return which share of the pixels of a large image tells its range: one in so many."""
    return max(1, values // (_EIGHT_BIT_VALUES if dtype == np.uint8 else _VALUES_AT_ONCE))


def _ranges(image: npt.NDArray[Any]) -> list[tuple[float, float]]:
    """Return each channel's 0.5 and 99.5 percentiles, which are never alike."""
    flat = image.reshape(-1, image.shape[-1])
    # Of a large image, every so many pixels tell as much.
    some = flat[:: sampling_step(flat.size, image.dtype)]
    return [_range(some[:, channel]) for channel in range(flat.shape[-1])]


def _range(values: npt.NDArray[Any]) -> tuple[float, float]:
    if values.dtype == np.uint8 and values.size:
        return _range_of_bytes(values)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    # Halved, since the difference of two numbers may be too large for their type.
    half = _without_padding(np.multiply(values, 0.5, dtype=np.float64), values.dtype)
    if not half.size:
        return 0.0, 1.0
    low, high = map(float, np.percentile(half, _PERCENTILES))
    if high - low < _LEAST_HALF_RANGE:
        # What is constant between the percentiles falls back to its whole range.
        low, high = float(half.min()), float(half.max())
    if high - low < _LEAST_HALF_RANGE:
        low = min(2 * low, _LAST_BUT_ONE)
        return low, low + max(1.0, float(np.spacing(min(abs(low), _LAST_BUT_ONE))))
    return 2 * low, 2 * high


def _range_of_bytes(values: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Do `_range` by counting, for there are few different values."""
    counts = np.bincount(values)
    up_to = np.cumsum(counts)
    at = np.array(_PERCENTILES) / 100 * (values.size - 1)
    below, above = (
        np.searchsorted(up_to, places, "right") for places in (np.floor(at), np.ceil(at))
    )
    low, high = map(float, below + (above - below) * (at % 1))
    if high <= low:
        low, high = float(counts.nonzero()[0][0]), float(len(counts) - 1)
    return low, high if high > low else low + 1


def _finite(value: float) -> float:
    largest = float(np.finfo(np.float64).max)
    return min(max(value, -largest), largest)


def _without_padding(
    half: npt.NDArray[np.float64], dtype: np.dtype[Any]
) -> npt.NDArray[np.float64]:
    """Return the values, which are halved, that are not one number far from all others."""
    if dtype.kind not in "iuf" or dtype == np.uint8 or not half.size:
        return half
    for end, nearest, share in zip(
        (half.min(), half.max()), (np.min, np.max), _PADDING_SHARES, strict=True
    ):
        is_end = half == end
        rest = half[~is_end]
        if not rest.size or np.count_nonzero(is_end) < max(_PADDING_VALUES, share * half.size):
            continue
        low, high = np.percentile(rest, _PERCENTILES)
        is_types = dtype.kind == "i" and 2 * end == np.iinfo(dtype).min
        gap = _PADDING_GAP_AT_END if is_types else _PADDING_GAP
        if high > low and abs(nearest(rest) - end) > gap * (high - low):
            half = rest
    return half

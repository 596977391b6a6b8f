"""Intensities on the scale from 0 to 255 that network and CRF work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

_PERCENTILES = (0.5, 99.5)
_VALUES_AT_ONCE = 1 << 24
# Their scale is known, and their range only noted.
_EIGHT_BIT_VALUES = 1 << 20

_PADDING_SHARE = 0.002
"""Of the values that are one number, the lowest or the highest, if that is padding."""

_PADDING_GAP = 2.0
_PADDING_GAP_AT_END = 0.25
"""How far from all others, in ranges of those; and where it is an end of a type with a sign."""

# Ranges of one kind of image differ by less: a twelve-bit image in a sixteen-bit one by 16.
_SAME_RANGE = 4.0

IntensityChoice = Literal["auto", "model", "image"]
"""Whether an image is mapped by the model's range, by its own, or by what fits."""


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
        lows, highs = _percentiles(image)
        if image.dtype == np.uint8:
            fitted = cls((0.0,) * len(lows), (255.0,) * len(lows))
        elif image.dtype == np.bool_:
            fitted = cls((0.0,) * len(lows), (1.0,) * len(lows))
        else:
            fitted = cls(lows, highs)
        seen = tuple(
            (255 * (one - low) / (high - low), 255 * (two - low) / (high - low))
            for one, two, low, high in zip(lows, highs, fitted.low, fitted.high, strict=True)
        )
        return replace(fitted, dtype=image.dtype.name, seen=seen)

    def matched(self, image: npt.NDArray[Any]) -> IntensityMapping:
        """Return the mapping that brings an image's own range to where this one's images were."""
        lows, highs = _percentiles(image)
        seen = self.seen or ((0.0, 255.0),) * len(self.low)
        low, high = [], []
        for one, two, (start, end) in zip(lows, highs, seen, strict=True):
            unit = (two - one) / (end - start if end > start else 255.0)
            low.append(one - start * unit)
            high.append(low[-1] + 255 * unit)
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
        lows, highs = _percentiles(image)
        trained = f"{self.dtype} images" if self.dtype else "images"
        return own, (
            f"The image is {image.dtype.name} with values from {min(lows):.4g} to "
            f"{max(highs):.4g}, but the model was trained on {trained} with values from "
            f"{min(self.low):.4g} to {max(self.high):.4g}: it is mapped by its own range."
        )

    def apply(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the image `(*spatial, channels)` on the 0-255 scale as float32; NaN becomes 0."""
        low = np.asarray(self.low, np.float64)
        scale = 255.0 / (np.asarray(self.high, np.float64) - low)
        mapped = np.empty(image.shape, np.float32)
        # In double precision, but not all of it at once.
        step = max(1, _VALUES_AT_ONCE * len(image) // max(1, image.size))
        for first in range(0, len(image), step):
            values = (image[first : first + step].astype(np.float64) - low) * scale
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
        for one, two, low, high in zip(*_percentiles(image), self.low, self.high, strict=True):
            spans = abs(two - one), abs(high - low)
            is_apart = one > max(low, high) or two < min(low, high)
            if is_apart or max(spans) > _SAME_RANGE * min(spans):
                return False
        return True


def _percentiles(image: npt.NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the ends of each channel's range; they are never alike."""
    flat = image.reshape(-1, image.shape[-1])
    # Of a large image, every so many pixels tell as much.
    at_most = _EIGHT_BIT_VALUES if image.dtype == np.uint8 else _VALUES_AT_ONCE
    some = flat[:: max(1, flat.size // at_most)]
    lows, highs = [], []
    for channel in range(flat.shape[-1]):
        values = some[:, channel]
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        values = _without_padding(values)
        if not values.size:
            values = np.zeros(1)
        low, high = map(float, np.percentile(values, _PERCENTILES))
        # A channel that is constant between the percentiles falls back to its whole range.
        if low == high:
            low, high = float(values.min()), float(values.max())
        lows.append(low)
        highs.append(high if high > low else low + 1)
    return tuple(lows), tuple(highs)


def _without_padding(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the values that are not one number far below or above all others."""
    if values.dtype.kind not in "iuf" or values.dtype == np.uint8 or not values.size:
        return values
    for end, other in ((values.min(), np.min), (values.max(), np.max)):
        is_end = values == end
        rest = values[~is_end]
        if not rest.size or np.count_nonzero(is_end) < _PADDING_SHARE * values.size:
            continue
        low, high = map(float, np.percentile(rest, _PERCENTILES))
        gap = abs(float(other(rest)) - float(end))
        is_types = values.dtype.kind == "i" and end == np.iinfo(values.dtype).min
        needed = _PADDING_GAP_AT_END if is_types else _PADDING_GAP
        if high > low and gap > needed * (high - low):
            values = rest
    return values

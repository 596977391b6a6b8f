"""Mapped image: a plane on the scale from 0 to 255, of which only what is asked for is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.intensity import IntensityMapping


@dataclass(frozen=True, eq=False)
class MappedImage:
    """One plane of an image, mapped where it is looked at: `plane[rows, columns]` is float32.

    Parameters
    ----------
    pixels : array, shape `(rows, columns, channels)`
        Of any real type, as it was given; lazy or not.
    intensity : IntensityMapping
    """

    pixels: Any
    intensity: IntensityMapping

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and channels."""
        return tuple(self.pixels.shape)

    def __getitem__(self, place: tuple[slice, slice]) -> npt.NDArray[np.float32]:
        return self.intensity.apply(np.asarray(self.pixels[place]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        mapped = self[:, :]
        return mapped if dtype is None else mapped.astype(dtype)

    def turned(self, quarter_turns: int, *, over: bool) -> MappedImage:
        """Return the plane turned, and turned over before that, without computing it."""
        pixels = self.pixels[::-1] if over else self.pixels
        return MappedImage(np.rot90(pixels, quarter_turns), self.intensity)

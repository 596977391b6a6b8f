"""Plane of an image on the network's scale, whole or computed where it is looked at."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt


class Plane(Protocol):
    """Pixels `(rows, columns, channels)` on the scale from 0 to 255, asked for by window.

    An array is one, and so is a `MappedImage`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and channels."""

    def __getitem__(self, place: tuple[slice, slice], /) -> npt.NDArray[np.float32]:
        """Return the pixels in some rows and columns."""

"""Sizes, centroids and intensities of numbered objects, summed up over the pieces of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

STATISTICS = ("mean", "min", "max")
"""Of the intensities of each channel."""

Floats = npt.NDArray[np.float64]


class ObjectSums:
    """What is known of the objects 1 to n of an image of which piece after piece is added.

    Parameters
    ----------
    count : int
        The highest number.
    n_axes : int
        Of the image.
    n_channels : int
        Whose intensities are measured; 0 without an image.
    """

    def __init__(self, count: int, n_axes: int, n_channels: int = 0) -> None:
        self._sizes = np.zeros(count + 1, np.int64)
        self._positions = np.zeros((n_axes, count + 1))
        self._totals = np.zeros((n_channels, count + 1))
        self._lowest = np.full((n_channels, count + 1), np.inf)
        self._highest = np.full((n_channels, count + 1), -np.inf)

    def add(
        self,
        numbers: npt.NDArray[np.integer],
        origin: Sequence[int],
        pixels: npt.NDArray[Any] | None = None,
    ) -> None:
        """Add a piece.

        Parameters
        ----------
        numbers : array of int
            0 where there is no object.
        origin : sequence of int
            Where the piece begins in the image.
        pixels : array, shape `(*numbers.shape, n_channels)`, optional
        """
        at = np.nonzero(numbers)
        found = numbers[at]
        if not found.size:
            return
        n = len(self._sizes)
        self._sizes += np.bincount(found, minlength=n)
        for axis, places in enumerate(at):
            self._positions[axis] += np.bincount(found, places + origin[axis], minlength=n)
        if pixels is None:
            return
        order = np.argsort(found, kind="stable")
        present, starts = np.unique(found[order], return_index=True)
        for channel in range(pixels.shape[-1]):
            values = pixels[..., channel][at].astype(np.float64)[order]
            self._totals[channel, present] += np.add.reduceat(values, starts)
            for extremes, reduce in ((self._lowest, np.minimum), (self._highest, np.maximum)):
                here = reduce.reduceat(values, starts)
                extremes[channel, present] = reduce(extremes[channel, present], here)

    @property
    def numbers(self) -> npt.NDArray[np.intp]:
        """Those that a pixel has, ascending; what follows is in their order."""
        return np.flatnonzero(self._sizes)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Pixels of each."""
        found: npt.NDArray[np.int64] = self._sizes[self.numbers]
        return found

    def centroids(self, axis: int) -> Floats:
        """Return the mean position along an axis, in pixels."""
        found: Floats = self._positions[axis, self.numbers] / self.sizes
        return found

    def statistic(self, name: str, channel: int) -> Floats:
        """Return "mean", "min" or "max" of a channel's intensities."""
        if name == "mean":
            mean: Floats = self._totals[channel, self.numbers] / self.sizes
            return mean
        found: Floats = (self._lowest if name == "min" else self._highest)[channel, self.numbers]
        return found

"""Features that two pixels are compared by: place and intensity, in units of sigma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FARTHEST = 2.0**18
"""Sigmas that a feature may be away from 0. Beyond, float32 knows it no better than to 1/32 sigma,
and the lattice soon could not number its vertices."""


@dataclass(frozen=True)
class Features:
    """Feature vectors of all pixels: (plane,) row, column, then channels, each over its sigma.

    They are kept apart, because a whole table of them would be larger than the image.

    Parameters
    ----------
    axes : three arrays
        The plane, row and column coordinates over their sigmas; those of a 2-D image have one
        plane, which is not a feature.
    image : float32 array, shape (planes, rows, columns, channels)
        Without channels for a kernel of position alone.
    sigmas : float32 array, one a channel
    is_volume : bool
        Whether the plane is a feature.
    """

    axes: tuple[Floats, Floats, Floats]
    image: Floats
    sigmas: Floats
    is_volume: bool

    @property
    def dimensions(self) -> int:
        """Length of a feature vector, d."""
        return 2 + int(self.is_volume) + int(self.image.shape[3])

    def bounds(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return a lower and an upper bound of each feature."""
        axes = self.axes if self.is_volume else self.axes[1:]
        low = [float(axis[0]) for axis in axes]
        high = [float(axis[-1]) for axis in axes]
        if self.image.shape[3]:
            darkest, brightest = float(self.image.min()), float(self.image.max())
            low += [darkest / float(sigma) for sigma in self.sigmas]
            high += [brightest / float(sigma) for sigma in self.sigmas]
        return np.array(low), np.array(high)

    def table(self) -> Floats:
        """Return all feature vectors, shape (d, pixels)."""
        shape = self.image.shape[:3]
        grids = np.meshgrid(*self.axes, indexing="ij")[0 if self.is_volume else 1 :]
        channels = np.moveaxis(self.image / self.sigmas, 3, 0)
        return np.stack([*grids, *channels]).reshape(self.dimensions, np.prod(shape))


def positions(
    shape: tuple[int, ...], sigmas_px: Sequence[float], origin: tuple[int, ...] = (0, 0, 0)
) -> Features:
    """Return the features of the smoothness kernel, p / θγ.

    Parameters
    ----------
    shape : (planes, rows, columns)
    sigmas_px : one a spatial axis, in pixels; two of them leave the plane out
    origin : position of the first pixel
    """
    return appearance(np.empty((*shape, 0), np.float32), sigmas_px, (), origin)


def appearance(
    image: Floats,
    sigmas_px: Sequence[float],
    sigmas_intensity: Sequence[float],
    origin: tuple[int, ...] = (0, 0, 0),
) -> Features:
    """Return the features of the appearance kernel, (p / θα, I / θβ).

    Parameters
    ----------
    image : float32 array, shape (planes, rows, columns, channels)
    sigmas_px : one a spatial axis, in pixels; two of them leave the plane out
    sigmas_intensity : one a channel, in grey levels
    origin : position of the first pixel
    """
    sigmas = (1.0, *sigmas_px)[-3:]
    coordinates = (
        np.arange(first, first + length, dtype=np.float32)
        for first, length in zip(origin, image.shape[:3], strict=True)
    )
    planes, rows, columns = (
        np.asarray(axis / np.float32(sigma), np.float32)
        for axis, sigma in zip(coordinates, sigmas, strict=True)
    )
    return Features(
        (planes, rows, columns),
        image,
        np.asarray(sigmas_intensity, np.float32),
        len(sigmas_px) == 3,
    )

"""Bilinear upsampling at single pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Taps:
    """The pixels of a coarse grid that bilinear upsampling mixes for each of some fine pixels.

    Parameters
    ----------
    places : array of int32, shape `(n_pixels, n_taps)`
        Positions in the grid, row after row.
    shares : array of float32, shape `(n_pixels, n_taps)`
        Summing to one.
    """

    places: npt.NDArray[np.int32]
    shares: npt.NDArray[np.float32]

    @classmethod
    def at(
        cls,
        rows: npt.NDArray[np.integer],
        columns: npt.NDArray[np.integer],
        shape: tuple[int, int],
        stride: int,
    ) -> Taps:
        """Return the taps for pixels of the fine grid, which is `stride` times `shape`."""
        (row0, row1, row_share), (column0, column1, column_share) = (
            _linear(positions, side, stride)
            for positions, side in ((rows, shape[0]), (columns, shape[1]))
        )
        width = shape[1]
        places = np.stack(
            [
                row0 * width + column0,
                row0 * width + column1,
                row1 * width + column0,
                row1 * width + column1,
            ],
            axis=1,
        )
        shares = np.stack(
            [
                (1 - row_share) * (1 - column_share),
                (1 - row_share) * column_share,
                row_share * (1 - column_share),
                row_share * column_share,
            ],
            axis=1,
        )
        return cls(places.astype(np.int32), shares.astype(np.float32))

    @classmethod
    def through(
        cls,
        rows: npt.NDArray[np.integer],
        columns: npt.NDArray[np.integer],
        shape: tuple[int, int],
        factors: tuple[int, ...],
    ) -> Taps:
        """Return the taps of several enlargements, one after the other, from a grid of `shape`.

        They are transposed convolutions with kernels from `upsampling.bilinear_kernel`: beyond the
        grid there are zeros, so near its borders shares sum to less than one.
        """
        (row_places, row_shares), (column_places, column_shares) = (
            _chained(positions, side, factors)
            for positions, side in ((rows, shape[0]), (columns, shape[1]))
        )
        places = row_places[:, :, np.newaxis] * shape[1] + column_places[:, np.newaxis]
        shares = row_shares[:, :, np.newaxis] * column_shares[:, np.newaxis]
        n_taps = row_places.shape[1] * column_places.shape[1]
        return cls(
            places.reshape(-1, n_taps).astype(np.int32),
            shares.reshape(-1, n_taps).astype(np.float32),
        )

    def apply(self, grid: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the upsampled values `(n_pixels, channels)` of `(rows, columns, channels)`."""
        flat = grid.reshape(-1, grid.shape[-1])
        mixed = np.zeros((len(self.places), flat.shape[1]), np.float32)
        for tap in range(self.places.shape[1]):
            mixed += flat[self.places[:, tap]] * self.shares[:, tap, np.newaxis]
        return mixed


def _linear(
    positions: npt.NDArray[np.integer], side: int, stride: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.floating]]:
    """Return the two neighbours on the coarse axis, and the second one's share."""
    exact = ((positions + 0.5) / stride - 0.5).clip(0, side - 1)
    first = np.floor(exact).astype(np.intp)
    return first, np.minimum(first + 1, side - 1), exact - first


def _chained(
    positions: npt.NDArray[np.integer], side: int, factors: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.floating]]:
    """Return the places `(n_positions, n_taps)` on the coarse axis, and their shares."""
    places, shares = positions[:, np.newaxis].astype(np.intp), np.ones((len(positions), 1))
    length = side * int(np.prod(factors))
    for factor in reversed(factors):
        length //= factor
        exact = (places + 0.5) / factor - 0.5
        first = np.floor(exact).astype(np.intp)
        share = exact - first
        places = np.concatenate([first, first + 1], axis=1)
        shares = np.concatenate([shares * (1 - share), shares * share], axis=1)
        shares[(places < 0) | (places >= length)] = 0
    # Most are the same few.
    lowest = places.min(axis=1, keepdims=True, initial=side)
    n_taps = int((places - lowest).max(initial=0)) + 1
    merged = np.zeros((len(positions), n_taps))
    np.add.at(merged, (np.arange(len(positions))[:, np.newaxis], places - lowest), shares)
    return (lowest + np.arange(n_taps)).clip(0, side - 1), merged

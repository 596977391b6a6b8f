"""Growing pyramid: a result on disk whose levels are all filled region by region."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.ome_zarr.labels import level_shapes, storage

By = Literal["nearest", "mean"]


class GrowingPyramid:
    """A zarr group in a folder, with a level for each halving of rows and columns.

    Parameters
    ----------
    folder : Path
        Of its own; made here.
    shape : sequence of int
        Rows and columns are the last.
    dtype : dtype
    by : {"nearest", "mean"}
        What a pixel of a smaller level is of the four before it: one of them, or their mean.

    Attributes
    ----------
    levels : list of array
        All levels, the largest first, of which a viewer reads what it shows.
    """

    def __init__(self, folder: Path, shape: Sequence[int], dtype: npt.DTypeLike, by: By) -> None:
        import dask.array as da
        import zarr

        self.shape = tuple(map(int, shape))
        self.dtype = np.dtype(dtype)
        self._by = by
        group = zarr.create_group(str(folder), zarr_format=2)
        self._levels: list[Any] = [
            group.create_array(
                str(level),
                shape=one,
                dtype=self.dtype,
                chunks=(*(1,) * (len(one) - 2), *(min(side, CHUNK_PX) for side in one[-2:])),
                fill_value=0,
                **storage(2, ""),
            )
            for level, one in enumerate(level_shapes(self.shape))
        ]
        if len(self.shape) == 2 and len(self._levels) > 1:
            # Small, and napari reads it once for all: what it keeps is this very array.
            self._levels[-1] = np.zeros(self._levels[-1].shape, self.dtype)
        # Here, for dask looks into what it is given.
        from_array: Any = da.from_array
        self.levels: list[Any] = [
            level
            if isinstance(level, np.ndarray)
            else from_array(level, chunks=level.chunks, name=False)
            for level in self._levels
        ]

    def __getitem__(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        """Return a part of the full size, in memory."""
        return np.asarray(self._levels[0][key])

    def write(
        self, before: tuple[Any, ...], place: tuple[slice, slice], values: npt.NDArray[Any]
    ) -> None:
        """Write a region, and what it is in the smaller levels.

        Parameters
        ----------
        before : tuple of int or slice
            Where, along the axes before rows and columns.
        place : tuple of slice
            Rows and columns, which begin at multiples of `CHUNK_PX`.
        values : array
        """
        for number, level in enumerate(self._levels):
            if number:
                values = _halved(values, self._by)
                rows, columns = place
                place = _half(rows), _half(columns)
            level[(*before, *place)] = values


def _half(part: slice) -> slice:
    return slice(part.start // 2, -(-part.stop // 2))


def _halved(values: npt.NDArray[Any], by: By) -> npt.NDArray[Any]:
    if by == "nearest":
        return values[..., ::2, ::2]
    odd = [(0, side % 2) for side in values.shape[-2:]]
    if any(np.ravel(odd)):
        values = np.pad(values, [*((0, 0) for _ in values.shape[:-2]), *odd], mode="edge")
    *rest, rows, columns = values.shape
    fours = values.reshape(*rest, rows // 2, 2, columns // 2, 2)
    return np.asarray(fours.mean(axis=(-3, -1)), values.dtype)

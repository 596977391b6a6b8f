"""Growing array: a result on disk, written block by block, that gets its name when it is whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.unfinished import Unfinished
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

CHUNK_PX = 512
"""Side of what is stored in one piece; blocks are whole numbers of these."""


class ArrayOnDisk(Protocol):
    """An array of zarr, or one that is mapped into memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return a part of it, in memory."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a part of it."""


class GrowingArray:
    """A result on disk that can be gone on with when its process was killed, see `Unfinished`.

    Parameters
    ----------
    path : Path
        Ending in `.npy` for a file that is mapped into memory, else of a zarr array.
    shape : sequence of int
    dtype : dtype
    signature : mapping
        What the result depends on, as JSON values: what was begun with another one is thrown away.

    Raises
    ------
    ValueError
        If there is something at the path already, or its folder is not there.
    """

    def __init__(
        self, path: Path, shape: Sequence[int], dtype: npt.DTypeLike, signature: Mapping[str, Any]
    ) -> None:
        self.path = path
        if os.path.lexists(path):
            raise InputError(
                f"The result would replace {quoted(str(path), 100)}. Remove it first, or choose "
                "another path."
            )
        if not path.parent.is_dir():
            raise InputError(
                f"The result is to be written to {quoted(str(path), 100)}, but its folder is not "
                "there. Make it first."
            )
        self._unfinished = Unfinished(path, ".npy" if path.suffix == ".npy" else ".zarr")
        self._unfinished.begin(
            {"shape": list(shape), "dtype": np.dtype(dtype).str, **signature},
            lambda data: _create(data, tuple(shape), np.dtype(dtype)),
        )
        self.array: ArrayOnDisk = _open(self._unfinished.data, "r+")

    def is_done(self, number: int) -> bool:
        """Return whether a block was written."""
        return self._unfinished.is_done(number)

    def done(self, number: int) -> None:
        """Note that a block was written."""
        self._unfinished.done(number)

    def finish(self) -> ArrayOnDisk:
        """Give the array its name, and return it, to be read only."""
        if isinstance(self.array, np.memmap):
            self.array.flush()
        del self.array
        self._unfinished.finish()
        return _open(self.path, "r")


def chunks_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Return what is stored in one piece of probabilities: all classes of a square."""
    *planes, rows, columns = shape[1:]
    return (shape[0], *(1 for _ in planes), min(rows, CHUNK_PX), min(columns, CHUNK_PX))


def _create(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if path.suffix == ".npy":
        np.lib.format.open_memmap(path, "w+", dtype, shape).flush()
        return
    import zarr
    from numcodecs import Zlib

    zarr.create_array(
        str(path),
        shape=shape,
        dtype=dtype,
        chunks=chunks_of(shape),
        zarr_format=2,
        # What every reader of zarr knows; the same bytes each time.
        compressors=Zlib(level=1),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )


def _open(path: Path, mode: Any) -> ArrayOnDisk:
    if path.suffix == ".npy":
        mapped: ArrayOnDisk = np.load(path, mmap_mode=mode)
        return mapped
    import zarr

    array: ArrayOnDisk = zarr.open_array(str(path), mode=mode)
    return array

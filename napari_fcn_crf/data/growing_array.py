"""Growing array: a result on disk, written block by block, that gets its name when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

CHUNK_PX = 512
"""Side of what is stored in one piece; blocks are whole numbers of these."""

_SIGNATURE = "signature.json"


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
    """A result on disk that can be gone on with when its process was killed.

    Until it is whole, all of it is in a hidden folder beside its place. A block counts as done once
    a file says so that is made after it was written.

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
        self._folder = path.with_name(f".{path.name}-unfinished")
        self._data = self._folder / f"data{'.npy' if path.suffix == '.npy' else '.zarr'}"
        said = json.dumps(
            {"shape": list(shape), "dtype": np.dtype(dtype).str, **signature}, sort_keys=True
        )
        if _read(self._folder / _SIGNATURE) != said:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
            _create(self._data, tuple(shape), np.dtype(dtype))
            (self._folder / "done").mkdir()
            with atomic_path(self._folder / _SIGNATURE) as temporary:
                temporary.write_text(said)
        self.array: ArrayOnDisk = _open(self._data, "r+")

    def is_done(self, number: int) -> bool:
        """Return whether a block was written."""
        return self._mark(number).exists()

    def done(self, number: int) -> None:
        """Note that a block was written."""
        self._mark(number).touch()

    def finish(self) -> ArrayOnDisk:
        """Give the array its name, and return it, to be read only."""
        if isinstance(self.array, np.memmap):
            self.array.flush()
        del self.array
        remove_partial_chunks(self._data)
        self._data.rename(self.path)
        shutil.rmtree(self._folder, ignore_errors=True)
        return _open(self.path, "r")

    def _mark(self, number: int) -> Path:
        return self._folder / "done" / str(number)


def chunks_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Return what is stored in one piece of probabilities: all classes of a square."""
    *planes, rows, columns = shape[1:]
    return (shape[0], *(1 for _ in planes), min(rows, CHUNK_PX), min(columns, CHUNK_PX))


def remove_partial_chunks(folder: Path) -> None:
    """Remove what zarr left of chunks that it was writing when its process was killed."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


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


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""

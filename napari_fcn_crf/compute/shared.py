"""Shared memory for arrays that both processes see; it is given back on every path."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from appose import NDArray, SharedMemory

from napari_fcn_crf.compute.leftovers import SHARED_MEMORY, block_name

_CHUNK_BYTES = 64 * 2**20
_ALIGNMENT_BYTES = 64

Packed = dict[str, Any]
"""Arrays in one block: the block, and each one's dtype, shape and offset."""


class SharedMemoryFullError(MemoryError):
    """There is less shared memory than is needed; the message is for the user."""


class SharedArrays:
    """The parent's shared blocks of one job; leaving the `with` block frees every one.

    Parameters
    ----------
    check : callable, optional
        Called between pieces of a large copy; raises to end it.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._blocks: list[SharedMemory] = []
        self._reserved: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for block in self._blocks:
            block.close()
            block.unlink()
        for name in self._reserved:
            with suppress(FileNotFoundError):
                block = SharedMemory(name=name)
                block.close()
                block.unlink()

    def share(self, arrays: Sequence[npt.NDArray[Any]]) -> Packed:
        """Copy arrays into one new shared block, for systems allow a process few open files.

        Raises
        ------
        SharedMemoryFullError
            If there is not enough shared memory; the message says how much is.
        """
        entries, size = [], 0
        for array in arrays:
            entries.append((array.dtype.str, list(array.shape), size))
            size += -(-array.nbytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        block = create_block(size, block_name(), self._check)
        self._blocks.append(block)
        for array, entry in zip(arrays, entries, strict=True):
            self._check()
            _copy(array, _view(block, *entry), self._check)
        return {"block": block, "arrays": entries}

    def reserve(self) -> str:
        """Return a new name for a block that the child will make, and that is freed here."""
        name = block_name()
        self._reserved.append(name)
        return name

    def take(self, name: str, dtype: str, shape: list[int]) -> npt.NDArray[Any]:
        """Return a copy of the array that the child wrote into the block of this name."""
        block = SharedMemory(name=name)
        try:
            result = np.empty(shape, dtype)
            _copy(NDArray(dtype, shape, block).ndarray(), result, self._check)
            return result
        finally:
            block.close()


def create_block(size: int, name: str, check: Callable[[], None] = lambda: None) -> SharedMemory:
    """Make a shared block of `size` bytes that is really there.

    Parameters
    ----------
    size : int
    name : str
    check : callable, optional
        Called between the pieces of a large one; raises to end it.

    Raises
    ------
    SharedMemoryFullError
        If there is not enough; the message says how much is.
    """
    block = SharedMemory(name=name, create=True, rsize=max(1, size))
    try:
        _allocate(block, size, check)
    except BaseException as error:
        block.close()
        block.unlink()
        if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.ENOMEM):
            raise
        raise SharedMemoryFullError(
            f"Handing the image to the compute process needs {_megabytes(size)} MB of shared "
            f"memory, but {SHARED_MEMORY} has {_megabytes(_free_bytes())} MB free. Use "
            "a smaller image, or give it more (in a container: --shm-size)."
        ) from error
    return block


def _allocate(block: SharedMemory, size: int, check: Callable[[], None]) -> None:
    """Get a block's memory; else a full /dev/shm (64 MB in most containers) kills who writes."""
    path = SHARED_MEMORY / block.name
    if not path.exists() or not hasattr(os, "posix_fallocate"):
        return
    if size > _free_bytes():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with path.open("r+b") as file:
        for first in range(0, max(1, size), _CHUNK_BYTES):
            check()
            os.posix_fallocate(file.fileno(), first, min(_CHUNK_BYTES, max(1, size) - first))


@contextmanager
def attached(packed: Packed) -> Iterator[list[npt.NDArray[Any]]]:
    """Give read-only views of shared arrays, and let go of their memory afterwards."""
    block = packed["block"]
    views = [_view(block, *entry) for entry in packed["arrays"]]
    for view in views:
        view.flags.writeable = False
    try:
        yield views
    finally:
        views.clear()
        # A library may still hold one; the mapping then goes when it lets go.
        with suppress(BufferError):
            block.close()


def _view(block: SharedMemory, dtype: str, shape: Sequence[int], offset: int) -> npt.NDArray[Any]:
    return np.ndarray(tuple(shape), dtype, buffer=block.buf, offset=offset)


def _copy(source: npt.NDArray[Any], target: npt.NDArray[Any], check: Callable[[], None]) -> None:
    if source.ndim == 0 or source.nbytes <= _CHUNK_BYTES:
        target[...] = source
        return
    rows = max(1, _CHUNK_BYTES * len(source) // source.nbytes)
    for first in range(0, len(source), rows):
        check()
        target[first : first + rows] = source[first : first + rows]


def _free_bytes() -> int:
    status = os.statvfs(SHARED_MEMORY)
    return status.f_bavail * status.f_frsize


def _megabytes(size: int) -> str:
    return f"{math.ceil(size / 2**20):,}"

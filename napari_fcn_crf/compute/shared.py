"""Arrays in memory that both processes see, and that is given back on every path."""

from __future__ import annotations

import errno
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from appose import NDArray, SharedMemory

_CHUNK_BYTES = 64 * 2**20
_POSIX_SHARED_MEMORY = Path("/dev/shm")


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

    def share(self, array: npt.NDArray[Any]) -> NDArray:
        """Copy an array into a new shared block.

        Raises
        ------
        MemoryError
            If there is not enough shared memory; the message says how much is.
        """
        block = create_block(array.nbytes, _new_name())
        self._blocks.append(block)
        shared = NDArray(array.dtype.str, list(array.shape), block)
        _copy(array, shared.ndarray(), self._check)
        return shared

    def reserve(self) -> str:
        """Return a new name for a block that the child will make, and that is freed here."""
        name = _new_name()
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


def create_block(size: int, name: str) -> SharedMemory:
    """Make a shared block of `size` bytes that is really there.

    Raises
    ------
    SharedMemoryFullError
        If there is not enough; the message says how much is.
    """
    block = SharedMemory(name=name, create=True, rsize=max(1, size))
    path = _POSIX_SHARED_MEMORY / block.name
    if path.exists() and hasattr(os, "posix_fallocate"):
        # Without this, a full /dev/shm (64 MB in most containers) kills the process that writes.
        try:
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, size))
        except OSError as error:
            block.close()
            block.unlink()
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            raise SharedMemoryFullError(
                f"Handing the image to the compute process needs {_megabytes(size)} MB of shared "
                f"memory, but {_POSIX_SHARED_MEMORY} has {_megabytes(_free_bytes())} MB free. Use "
                "a smaller image, or give it more (in a container: --shm-size)."
            ) from error
    return block


@contextmanager
def attached(shared: NDArray) -> Iterator[npt.NDArray[Any]]:
    """Give a read-only view of a shared array, and let go of its memory afterwards."""
    view = shared.ndarray()
    view.flags.writeable = False
    try:
        yield view
    finally:
        del view
        # A library may still hold the view; the mapping then goes when it lets go.
        with suppress(BufferError):
            shared.shm.close()


def _copy(source: npt.NDArray[Any], target: npt.NDArray[Any], check: Callable[[], None]) -> None:
    if source.ndim == 0 or source.nbytes <= _CHUNK_BYTES:
        target[...] = source
        return
    rows = max(1, _CHUNK_BYTES * len(source) // source.nbytes)
    for first in range(0, len(source), rows):
        check()
        target[first : first + rows] = source[first : first + rows]


def _new_name() -> str:
    """Return a name that tells whose block it is; macOS allows 30 characters."""
    return f"nfc_{os.getpid()}_{secrets.token_hex(6)}"


def _free_bytes() -> int:
    status = os.statvfs(_POSIX_SHARED_MEMORY)
    return status.f_bavail * status.f_frsize


def _megabytes(size: int) -> str:
    return f"{math.ceil(size / 2**20):,}"

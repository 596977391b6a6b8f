"""Memory allocation by the C library: what is freed is kept, in processes that only compute."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# Parameters of mallopt, from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let freed memory be used again instead of going back to the system and being asked for anew.

    Each step of training frees gigabytes that the next one needs. The system clears every page
    that it hands out, which is a fifth of a step of FCN-32s on the full VGG-16. To be called before
    the process starts threads, since those that have memory of their own keep it. Only glibc can
    be told: with other C libraries this does nothing.
    """
    library = _library()
    if not hasattr(library, "mallopt"):
        return
    library.mallopt(_M_ARENA_MAX, 1)
    library.mallopt(_M_MMAP_MAX, 0)
    library.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def return_freed_memory() -> None:
    """Give what is free back to the system, for a process that waits for its next task."""
    library = _library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None

"""Compilation of kernels, and where the machine code is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import config

from napari_fcn_crf.kernels.cache import KernelCache, cache_folder

# Division follows IEEE 754 (no exceptions), and nothing that would let NaN or infinity be
# miscompiled is on. No kernel is called from C.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function without the GIL, on its first call, and keep the machine code on disk.

    Takes `numba.njit`'s options. It is compiled anew for arguments of other types, among which are
    tuples of other lengths.
    """
    if function is None:
        return lambda decorated: kernel(decorated, **options)
    if config.DISABLE_JIT:
        # Hashing overflows on purpose, which numpy would report.
        return np.errstate(over="ignore")(function)
    dispatcher = numba.njit(**_OPTIONS, **options)(function)
    _keep_on_disk(dispatcher)
    return dispatcher


def part_of_kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function that kernels alone call, and that is kept on disk as a part of them."""
    if function is None:
        return lambda decorated: part_of_kernel(decorated, **options)
    return numba.njit(no_cpython_wrapper=True, **_OPTIONS, **options)(function)


# Looked up once for each folder of sources.
_folder_for = cache(cache_folder)


def _keep_on_disk(dispatcher: Any) -> None:
    folder = _folder_for(Path(dispatcher.py_func.__code__.co_filename).parent)
    if folder is None:
        return
    # Other packages' kernels keep their own.
    chosen_by_user = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    finally:
        config.CACHE_DIR = chosen_by_user

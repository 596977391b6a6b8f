"""How the CRF's kernels are compiled, and where the machine code is kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
from numba import config

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


def cache_folder() -> Path | None:
    """Return a writable folder for compiled kernels of exactly this source; None without one.

    Numba notices a change in the file of the kernel it compiled, but not in files that kernel calls
    into, so the folder is named by the contents of all files with kernels, which begin with _.
    """
    source = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("_*.py")))
    name = "crf-" + hashlib.sha256(source).hexdigest()[:16]
    folder = platformdirs.user_cache_path("napari-fcn-crf", appauthor=False) / "kernels" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


_folder = cache_folder()


def _keep_on_disk(dispatcher: Any) -> None:
    chosen_by_user = config.CACHE_DIR
    if not chosen_by_user and _folder is None:
        return
    # The folder is looked up once, here; other packages' kernels keep their own.
    config.CACHE_DIR = chosen_by_user or str(_folder)
    try:
        dispatcher.enable_caching()
    finally:
        config.CACHE_DIR = chosen_by_user

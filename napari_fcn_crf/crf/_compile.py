"""How the CRF's kernels are compiled, where the machine code is kept, and who may run them."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
from numba import config

_parallel_lock = threading.RLock()


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function without the GIL, on its first call, and keep the machine code on disk.

    Takes `numba.njit`'s options. Division follows IEEE 754 (no exceptions), and nothing that would
    let NaN or infinity be miscompiled is on.
    """
    if function is None:
        return lambda decorated: kernel(decorated, **options)
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if hasattr(dispatcher, "enable_caching"):  # a plain function where the JIT is off
        _keep_on_disk(dispatcher)
    return dispatcher


@contextmanager
def parallel_section(threads: int | None = None) -> Iterator[int]:
    """Let one caller at a time run parallel kernels, on `threads` threads; give their number.

    Numba's default threading layer ends the process when two threads start parallel work at once.
    """
    with _parallel_lock:
        before = numba.get_num_threads()
        count = min(threads or available_cpus(), config.NUMBA_NUM_THREADS)
        numba.set_num_threads(count)
        try:
            # Hashing overflows on purpose, which numpy reports where the JIT is off.
            with np.errstate(over="ignore"):
                yield count
        finally:
            numba.set_num_threads(before)


def available_cpus() -> int:
    """Return how many processors this process may use: its affinity, within its CPU quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cpus, _cgroup_quota(Path("/sys/fs/cgroup"), cpus)))


def _cgroup_quota(root: Path, default: int) -> int:
    """Return the whole processors of a container's quota, cgroup version 2 or 1."""
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        if quota == "max" or int(quota) <= 0:
            return default
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        return default


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

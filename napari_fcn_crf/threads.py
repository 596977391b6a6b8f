"""Threads that share work on ranges; kernels do not hold the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# So that a thread that is done early can take over.
_RANGES_PER_THREAD = 4

# Where somebody may want to end the work: of the longest, a range is a fraction of a second.
_RANGES_TO_CHECK = 64

Check = Callable[[], None]
"""Called again and again while there is work; raises to end it."""

_limit = 0


def in_threads(
    work: Callable[..., T],
    arguments: tuple[Any, ...],
    length: int,
    threads: int,
    shortest: int = 1,
    check: Check | None = None,
) -> list[T]:
    """Call `work(begin, end, *arguments)` for ranges that together are `range(length)`.

    Parameters
    ----------
    work : callable
    arguments : tuple
    length : int
    threads : int
        At most so many ranges are worked on at a time; the caller's thread is one of them. Any
        number of callers may do this at once.
    shortest : int
        A range is no shorter, unless `length` is.
    check : callable, optional
        Called before each range, in any of the threads; what it raises ends the work.

    Returns
    -------
    list
        What the calls returned, in the order of the ranges.
    """
    count = threads * _RANGES_PER_THREAD if threads > 1 else 1
    if check is not None:
        count = max(count, _RANGES_TO_CHECK)
    count = max(1, min(length // shortest, count))
    results: dict[int, T] = {}
    waiting = iter(range(count))

    def run() -> None:
        for k in waiting:
            if check is not None:
                check()
            results[k] = work(length * k // count, length * (k + 1) // count, *arguments)

    futures: list[Future[None]] = []
    # While Python is ending, which a background thread may not know yet, one thread does it all.
    with suppress(RuntimeError):
        for _ in range(min(threads, count) - 1):
            futures.append(_pool().submit(run))
    try:
        run()
    finally:
        for future in futures:
            # Those that have not begun would find nothing left to do.
            if not future.cancel():
                future.result()
    return [results[k] for k in range(count)]


def limit_threads(count: int) -> None:
    """Use so many threads from now on, at most; 0 for as many as there are processors.

    Parameters
    ----------
    count : int
        0 or more.
    """
    global _limit
    _limit = count


def available_threads() -> int:
    """Return how many threads to use: the process' processors, its CPU quota, the limit set."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _cgroup_quota(Path("/sys/fs/cgroup"), cpus)
    return max(1, min(cpus, quota, _limit or cpus))


def one_blas_thread() -> AbstractContextManager[object]:
    """Let each product of matrices be done in one thread, until the block is left.

    Small products are slower in two threads, and far slower where a processor is busy.
    """
    limits: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limits


@cache
def _blas() -> Any:
    """Return what the threads of numpy's and scipy's products are limited by.

    Once, for all libraries of the process are looked through.
    """
    import scipy.linalg  # noqa: F401  so that it is among them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "fcn-crf")


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

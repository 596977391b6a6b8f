"""Tile in hand: nothing stops its computation, but whoever wants to stop need not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from napari_fcn_crf.progress import Cancelled, ShouldStop

_POLL_S = 0.02

_computing = threading.Lock()
"""Held by a tile that is computed: one that was left alone is over before the next begins."""

Compute = Callable[[Callable[[], Any]], Any]


@contextmanager
def in_hand(should_stop: ShouldStop | None) -> Iterator[Compute]:
    """Give what computes one tile after the other, and raises `Cancelled` in the midst of one.

    Parameters
    ----------
    should_stop : callable, optional
        Asked many times a second; without, tiles are computed where they are asked for.
    """
    if should_stop is None:
        yield lambda work: work()
        return
    pool = ThreadPoolExecutor(1, "fcn-crf tile")

    def locked(work: Callable[[], Any]) -> Any:
        with _computing:
            return work()

    def compute(work: Callable[[], Any]) -> Any:
        found = pool.submit(locked, work)
        while not found.done():
            if should_stop():
                raise Cancelled
            wait([found], _POLL_S)
        return found.result()

    try:
        yield compute
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

"""Work that cannot be stopped, such as reading what is computed on demand, and whoever waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from napari_fcn_crf.progress import Cancelled, ShouldStop

T = TypeVar("T")

_POLL_S = 0.02


def interruptible(work: Callable[[], T], should_stop: ShouldStop) -> T:
    """Call a function in a thread, and leave it alone there once somebody wants to stop.

    Parameters
    ----------
    work : callable
    should_stop : callable
        Asked many times a second.

    Raises
    ------
    Cancelled
        If `should_stop` turned true before the function had ended.
    """
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            found.set_exception(error)

    # A daemon, which does not keep the interpreter from exiting.
    threading.Thread(target=run, name="fcn-crf reading", daemon=True).start()
    while not found.done():
        if should_stop():
            raise Cancelled
        wait([found], _POLL_S)
    return found.result()

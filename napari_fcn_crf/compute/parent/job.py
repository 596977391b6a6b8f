"""Job under way: its progress, its result, and the way to stop it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from napari_fcn_crf.progress import Progress

T = TypeVar("T")


class Job(Generic[T]):
    """Work in a thread of its own, watched and cancelled from any other.

    Parameters
    ----------
    name : str
        What is being done, for messages and the thread's name: "training".
    work : callable
        Does it and returns the result. It is given the job, reports through `report` and ends
        soon after `cancel_requested` is set.
    gives_way : bool
        Whether the next job cancels it, instead of being refused.
    """

    def __init__(self, name: str, work: Callable[[Job[T]], T], *, gives_way: bool = False) -> None:
        self.name = name
        self.gives_way = gives_way
        self.cancel_requested = threading.Event()
        self._work = work
        self._events: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self._outcome: Future[T] = Future()
        # A daemon: a thread that waits for the child must not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, name=f"fcn-crf-{name}", daemon=True)

    def start(self) -> Job[T]:
        """Start the work and return at once."""
        self._thread.start()
        return self

    def report(self, progress: Progress) -> None:
        """Tell whoever iterates over `events` how far the work is."""
        self._events.put(progress)

    def events(self) -> Iterator[Progress]:
        """Iterate over the progress, waiting for it; ends when the job is over."""
        while (progress := self._events.get()) is not None:
            yield progress
        self._events.put(None)  # for the next one who asks

    def result(self, timeout: float | None = None) -> T:
        """Return the result, waiting for it if need be.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        Cancelled
            If it was cancelled before there was anything to keep.
        ValueError, TypeError
            If the input was not what it must be; the message says what to do.
        ComputeError
            If something else went wrong.
        TimeoutError
            If it is still running after `timeout`.
        """
        return self._outcome.result(timeout)

    def cancel(self) -> None:
        """Ask the job to end; returns at once, and `events` ends within a second."""
        self.cancel_requested.set()

    def when_done(self, then: Callable[[], object]) -> None:
        """Call something, in the job's thread, when the job is over; at once if it is already."""
        self._outcome.add_done_callback(lambda _: then())

    @property
    def done(self) -> bool:
        """Whether the job is over."""
        return self._outcome.done()

    def join(self, timeout: float) -> None:
        """Wait until the job's thread has ended, at most `timeout` seconds."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._outcome.set_result(self._work(self))
        except BaseException as error:  # noqa: BLE001 - `result` raises it where it is wanted
            self._outcome.set_exception(error)
        finally:
            del self._work  # and with it the images
            self._events.put(None)

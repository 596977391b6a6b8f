"""Ctrl-C on the command line: it ends any command, wherever that happens to be."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPED = 130
"""Exit code of a command that Ctrl-C ended: 128 and the signal's number."""

_GRACE_S = 3.0


def leave_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, as long as there is nothing to tidy up."""
    if not _is_in_background():
        signal.signal(signal.SIGINT, lambda number, frame: _leave())


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end this block by `KeyboardInterrupt`, and for certain.

    Python raises it wherever the program is. In a callback from C, of which compilers make many, it
    is lost, and a thread that it interrupts in a lock's midst may hang. So where the block has not
    ended after some seconds, or when Ctrl-C is pressed again, the process ends at once.
    """
    if _is_in_background():
        yield
        return
    pressed, over = threading.Event(), threading.Event()

    def interrupt(number: int, frame: object) -> None:
        if pressed.is_set():
            _leave()
        pressed.set()
        raise KeyboardInterrupt

    def end_if_late() -> None:
        pressed.wait()
        if not over.wait(_GRACE_S):
            _leave()

    before = signal.signal(signal.SIGINT, interrupt)
    threading.Thread(target=end_if_late, name="interrupt", daemon=True).start()
    try:
        yield
        if pressed.is_set():
            raise KeyboardInterrupt
    finally:
        over.set()
        pressed.set()
        signal.signal(signal.SIGINT, before)


@contextmanager
def stops_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether Ctrl-C was pressed; pressed again, it acts as outside."""
    before = signal.getsignal(signal.SIGINT)
    pressed = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal pressed
        if not pressed:
            pressed = True
        elif callable(before):
            before(number, None)

    if not _is_in_background():
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def say_stopped() -> None:
    """Print that the command was stopped."""
    print("napari-fcn-crf: stopped.", file=sys.stderr, flush=True)


def _is_in_background() -> bool:
    """Return whether a shell started this as a job that Ctrl-C does not concern."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def _leave() -> None:
    # Not `print`: what was interrupted may be printing.
    os.write(2, b"napari-fcn-crf: stopped.\n")
    os._exit(STOPPED)

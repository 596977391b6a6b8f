"""Entry of the compute process: its channel to the parent, its backend, and its end."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from typing import IO, Any

import psutil
from appose import python_worker

from napari_fcn_crf.compute.allocation import keep_freed_memory
from napari_fcn_crf.compute.child import tasks

_PARENT_CHECK_S = 1.0


def main(parent_pid: str) -> None:
    """Serve the parent's tasks until it ends."""
    keep_freed_memory()
    faulthandler.enable()
    # Ctrl-C in the terminal goes to this process too, but only the parent decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_channel()
    threading.Thread(target=_watch_parent, args=(int(parent_pid),), daemon=True).start()
    # On Windows an import can hang while another thread reads standard input, so it comes first.
    tasks.load_backend()
    python_worker.main()  # returns when the parent closes the channel
    _leave()


def _keep_channel() -> None:
    """Keep standard input and output for Appose alone; what libraries print goes to stderr."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = requests
    lock = threading.Lock()

    def reply(line: str, file: IO[str] | None = None, flush: bool = True) -> None:
        with lock:
            print(line, file=file or replies, flush=flush)

    # Appose answers with `print`, as any library may chatter: only its own goes to the channel.
    worker: Any = python_worker
    worker.print = reply


def _watch_parent(pid: int) -> None:
    """End this process when the parent is gone, even if the channel does not tell.

    A pipe stays open as long as anyone holds it, such as a process that the parent forked.
    """
    try:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_PARENT_CHECK_S)
    except psutil.NoSuchProcess:
        pass
    _leave()


def _leave() -> None:
    tasks.release_result()
    # Tasks run in threads that know no end; nothing of theirs is worth waiting for now.
    os._exit(0)

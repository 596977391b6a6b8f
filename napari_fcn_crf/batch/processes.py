"""Tasks shared among several processes, each of which loads the network once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from napari_fcn_crf.batch.here import start_network
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.input_error import InputError, sentence
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import ComputeSettings

_TRIES = 2
"""How often a task is begun whose process ends: what ended it may have been another one."""


class Processes:
    """Does tasks in several processes of this machine.

    Parameters
    ----------
    count : int
    model : Path
    recipe : Recipe
    compute : ComputeSettings
        Unless its number of threads is given, the processors are shared out.
    """

    def __init__(self, count: int, model: Path, recipe: Recipe, compute: ComputeSettings) -> None:
        if not compute.threads:
            compute = replace(compute, threads=max(1, _processors() // count))
        self._count = count
        self._given = model, recipe, compute
        self._workers: list[_Worker] = []

    def run(
        self,
        take: Callable[[], Task | None],
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
    ) -> None:
        """Do what `take` gives until it gives nothing more, and hand each outcome to `finish`.

        A task whose process is killed is done again by another one, and told as failed if that
        is killed, too.

        Raises
        ------
        ValueError
            If backend or model cannot be loaded.
        """
        again: deque[tuple[Task, int]] = deque()
        try:
            while True:
                self._hand_out(take, again)
                busy = [worker for worker in self._workers if worker.task is not None]
                if not busy:
                    return
                for ready in wait([worker.channel for worker in busy]):
                    worker = next(one for one in busy if one.channel is ready)
                    self._hear(worker, finish, on_progress, again)
        finally:
            self.close()

    def close(self) -> None:
        """End the processes at once."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _hand_out(self, take: Callable[[], Task | None], again: deque[tuple[Task, int]]) -> None:
        idle = deque(worker for worker in self._workers if worker.task is None)
        while idle or len(self._workers) < self._count:
            if again:
                task, tries = again.popleft()
            elif (new := take()) is not None:
                task, tries = new, 0
            else:
                return
            if not idle:
                self._workers.append(_Worker(*self._given))
                idle.append(self._workers[-1])
            idle.popleft().send(task, tries + 1)

    def _hear(
        self,
        worker: _Worker,
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
        again: deque[tuple[Task, int]],
    ) -> None:
        task = worker.task
        assert task is not None
        try:
            said = worker.channel.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            how = worker.end()
            if not worker.is_ready and worker.tries >= _TRIES:
                raise InputError(
                    f"A process that computes ended while it started ({how}). Use fewer --workers."
                ) from None
            if worker.tries < _TRIES:
                again.append((task, worker.tries))
                return
            text = f"The process that computed it ended twice ({how}; out of memory?)."
            finish(task, Outcome(f"{text} Use fewer --workers or a smaller --tile-px."))
            return
        if isinstance(said, Progress):
            on_progress(task, said)
        elif isinstance(said, Outcome):
            worker.task = None
            finish(task, said)
        elif said is None:
            worker.is_ready = True
        else:
            raise InputError(said)


class _Worker:
    """One process, as its parent holds it."""

    def __init__(self, model: Path, recipe: Recipe, compute: ComputeSettings) -> None:
        # Never forked: libraries that have started threads do not survive that.
        context = multiprocessing.get_context("spawn")
        self.channel, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, model, recipe, compute), daemon=True
        )
        self._process.start()
        theirs.close()
        self.task: Task | None = None
        self.tries = 0
        self.is_ready = False

    def send(self, task: Task, tries: int) -> None:
        self.task, self.tries = task, tries
        with suppress(OSError):  # it ended, which shows when it is listened to
            self.channel.send(task)

    def end(self) -> str:
        """Kill it and return how it had ended."""
        self._process.kill()
        self._process.join()
        self.channel.close()
        code = self._process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _work(
    channel: Connection[Any, Any], model: Path, recipe: Recipe, compute: ComputeSettings
) -> None:
    """Do what comes through the channel until it closes."""
    # Ctrl-C in the terminal goes to this process too, but only the parent decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        start_network(compute)
        from napari_fcn_crf.batch.segmentation import Segmenter

        segmenter = Segmenter.load(model, recipe)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        channel.send(sentence(error))
        return
    channel.send(None)
    with suppress(EOFError):
        while True:
            task = channel.recv()
            channel.send(segmenter.carry_out(task, channel.send))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _processors() -> int:
    # Those that this process may use, where the system tells.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1

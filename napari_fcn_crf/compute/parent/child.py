"""Child process as its parent holds it: start it, give it tasks, end it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from appose.service import ResponseType, Service, TaskEvent, TaskStatus

from napari_fcn_crf.compute.environment import (
    BACKEND_TITLES,
    NO_WINDOW,
    child_command,
    compute_environment,
)
from napari_fcn_crf.compute.errors import ChildEndedError, ComputeError
from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.input_error import InputError, InputTypeError
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import ComputeSettings

CANCEL_GRACE_S = 0.6
"""How long a task may take to end by itself after it was asked to."""

_POLL_S = 0.02
_THREAD_END_S = 0.2
_LOG_LINES = 40
_RUN_TASK = "from napari_fcn_crf.compute.child import tasks\ntasks.run(task, function, request)"


class Child:
    """A running compute process.

    Parameters
    ----------
    settings : ComputeSettings

    Raises
    ------
    ValueError
        If the interpreter does not exist or cannot be started.
    """

    def __init__(self, settings: ComputeSettings) -> None:
        self.settings = settings
        command = child_command(settings, "child.worker", str(os.getpid()))
        self._interpreter = command[0]
        self._service = _Service(Path.cwd(), compute_environment(settings), *command)
        try:
            self._service.start()
        except OSError as error:
            raise ValueError(
                f"The compute process could not be started with {self._interpreter} "
                f"({error.strerror}). Choose a Python interpreter in the settings."
            ) from error
        self._is_ready = False
        self._was_killed = False
        # One line at a time: a job may be sent while the process is still being prepared.
        self._sending = threading.Lock()

    @property
    def pid(self) -> int:
        """Process id."""
        return int(self._service._process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return not self._was_killed and bool(self._service.is_alive())

    @property
    def is_ready(self) -> bool:
        """Whether the process has loaded its backend."""
        return self._is_ready and self.is_alive

    def serves(self, settings: ComputeSettings) -> bool:
        """Return whether the process lives and runs as these settings ask."""
        return self.is_alive and _launch_settings(self.settings) == _launch_settings(settings)

    def prepare(self, job: Job[Any]) -> None:
        """Wait until the process has loaded its backend.

        Raises
        ------
        ValueError
            If a package is missing there, or the chosen GPU; the message names it.
        ComputeError
            If it ended.
        """
        if self._is_ready:
            return
        backend = BACKEND_TITLES[self.settings.backend]
        job.report(Progress(f"Starting {backend}"))
        try:
            hello = self.call(job, "hello", {"device": self.settings.device}, grace_s=0)
        except ChildEndedError as error:
            raise self._explain_failed_start(error) from error
        if hello["problem"]:
            self.kill()
            raise ValueError(hello["problem"])
        self._is_ready = True

    def call(
        self,
        job: Job[Any],
        function: str,
        request: dict[str, Any],
        grace_s: float = CANCEL_GRACE_S,
        read_progress: Callable[[dict[str, Any]], Progress | None] = lambda info: Progress(**info),
    ) -> dict[str, Any]:
        """Run a task of `tasks.py` and return what it returns.

        Parameters
        ----------
        job : Job
            Is told the progress, and ends the task when it is cancelled.
        function : str
            Name of the task.
        request : dict
            Its arguments.
        grace_s : float
            Seconds a cancelled task may take to end by itself before the process is killed.
        read_progress : callable
            Makes the progress out of what the child reports, or None where it tells it itself.

        Raises
        ------
        Cancelled, ValueError, TypeError, ComputeError
        """
        has_begun, is_over = threading.Event(), threading.Event()

        def listen(event: TaskEvent) -> None:
            if event.response_type.is_terminal():
                is_over.set()
            elif event.response_type is ResponseType.LAUNCH:
                has_begun.set()
            elif event.info is not None:
                progress = read_progress(event.info)
                if progress is not None:
                    job.report(progress)

        task = self._service.task(_RUN_TASK, {"function": function, "request": request})
        task.listen(listen)
        refused: list[Exception] = []

        def on_refused(error: Exception) -> None:
            refused.append(error)
            is_over.set()

        self._send(task.start, on_refused)
        self._wait(task, is_over, job, grace_s)
        if refused and isinstance(refused[0], TypeError):
            raise refused[0]  # no JSON; with anything else, the process had ended
        if task.status is TaskStatus.FAILED:
            raise ComputeError(
                "The compute process could not run the task. Look into the log.", str(task.error)
            )
        if task.status is not TaskStatus.COMPLETE:
            raise self._ended(has_begun.is_set())
        return _unwrap(task.outputs)

    def kill(self) -> None:
        """End the process now; harmless if it has ended already."""
        self._was_killed = True
        self._service.end()

    def log(self) -> str:
        """Return the last lines the process wrote."""
        return "\n".join(self._service.error_lines()[-_LOG_LINES:])

    def _wait(self, task: Any, is_over: threading.Event, job: Job[Any], grace_s: float) -> None:
        deadline = None
        while not is_over.wait(_POLL_S):
            if not self.is_alive:
                if job.cancel_requested.is_set():
                    raise Cancelled
                is_over.wait(0.5)  # its last words may still be on the way
                return
            if not job.cancel_requested.is_set():
                continue
            if deadline is None:
                deadline = time.monotonic() + grace_s
                if grace_s:
                    self._send(task.cancel, lambda error: None)  # it ended in between
            if time.monotonic() >= deadline:
                self.kill()
                raise Cancelled

    def _send(self, message: Callable[[], object], on_refused: Callable[[Exception], None]) -> None:
        """Write to the process, which takes as long as it does not read: in a thread."""

        def send() -> None:
            try:
                with self._sending:
                    message()
            except Exception as error:  # noqa: BLE001 - `call` raises it
                on_refused(error)

        threading.Thread(target=send, name="fcn-crf-sending", daemon=True).start()

    def _ended(self, task_began: bool) -> ChildEndedError:
        self.kill()  # frees its pipes
        code = self._service._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ChildEndedError(
            f"The compute process ended unexpectedly ({how}; out of memory?). "
            "The next run starts a new one.",
            self.log(),
            task_began=task_began,
        )

    def _explain_failed_start(self, error: ChildEndedError) -> ComputeError | ValueError:
        missing = re.search(r"No module named '([\w.]+)'", error.details)
        if missing:
            return ValueError(
                f"The compute process needs the package {missing[1].partition('.')[0]!r}, but "
                f"{self._interpreter} does not have it. Install napari-fcn-crf there "
                "(python -m pip install napari-fcn-crf), or choose another interpreter in the "
                "settings."
            )
        last_line = error.details.strip().rpartition("\n")[2]
        if self.settings.interpreter and last_line:
            return ValueError(
                f"The compute process could not be started with {self._interpreter}: {last_line}. "
                "Choose another interpreter in the settings."
            )
        return error


class _Service(Service):  # type: ignore[misc]
    """Appose's service, with UTF-8 pipes, without a console window, and with an end."""

    _process: Any = None

    def start(self) -> _Service:
        if self._process is None:
            variables = os.environ | self._env_vars
            self._process = subprocess.Popen(
                self._args,
                cwd=self._cwd,
                env={name: value for name, value in variables.items() if value is not None},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                bufsize=1,
                creationflags=NO_WINDOW,
            )
            # Daemons, unlike Appose's own: they must not keep the interpreter from exiting.
            loops = (self._read_answers, self._read_log, self._monitor_loop)
            self._threads = [threading.Thread(target=loop, daemon=True) for loop in loops]
            for thread in self._threads:
                thread.start()
        return self

    def end(self) -> None:
        """Kill the process; the threads that listen to it then end, and close its pipes."""
        self._process.kill()
        with suppress(OSError):  # what it was never sent
            self._process.stdin.close()
        deadline = time.monotonic() + _THREAD_END_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _read_answers(self) -> None:
        with self._process.stdout:
            self._stdout_loop()

    def _read_log(self) -> None:
        with self._process.stderr:
            self._stderr_loop()


def _launch_settings(settings: ComputeSettings) -> tuple[object, ...]:
    return (
        settings.device,
        settings.backend,
        settings.memory_growth,
        settings.threads,
        settings.interpreter,
    )


def _unwrap(outputs: dict[str, Any]) -> dict[str, Any]:
    """Return the task's answer, or raise what it raised."""
    if outputs["kind"] == "cancelled":
        raise Cancelled
    if outputs["kind"] == "input":
        raise InputError(outputs["message"])
    if outputs["kind"] == "type":
        raise InputTypeError(outputs["message"])
    if outputs["kind"] == "error":
        raise ComputeError(outputs["message"], outputs["details"])
    answer: dict[str, Any] = outputs["answer"]
    return answer

"""One compute process that a closed window leaves to the next; starting one takes six seconds."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from napari_fcn_crf.compute.parent import service
from napari_fcn_crf.compute.parent.child import Child
from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.settings import ComputeSettings

_START_S = 120


class WarmProcess:
    """A compute process that has loaded its backend and that no window has.

    It is an ordinary one, in everything but that it outlives its window.
    """

    def __init__(self) -> None:
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None if a window has it, or there is none."""
        return None if self._child is None else self._child.pid

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let services take the process instead of starting one, and leave theirs when closed."""
        start, end = service._Running.child_for, service._Running.end

        def child_for(running: Any, settings: ComputeSettings, job: Job[Any]) -> Child:
            if running.child is None and self._child is not None and self._child.serves(settings):
                running.child, self._child = self._child, None
            return start(running, settings, job)

        def end_without_its_process(running: Any) -> None:
            if self._child is None and (running.job is None or running.job.done):
                self._keep(running)
            end(running)

        monkeypatch.setattr(service._Running, "child_for", child_for)
        monkeypatch.setattr(service._Running, "end", end_without_its_process)

    def _keep(self, running: Any) -> None:
        if running.preparing is not None:
            with suppress(Exception):  # one that could not be started is not kept
                running.preparing.result(_START_S)
        if running.child is not None and running.child.is_ready:
            self._child, running.child = running.child, None

    def end(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()

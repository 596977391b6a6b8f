"""Run of a batch: every image that is to be done, whatever becomes of the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from napari_fcn_crf.atomic_files import atomic_path, remove_abandoned
from napari_fcn_crf.batch.inputs import FileState, Item
from napari_fcn_crf.batch.ledger import Entry, Ledger, State
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.plan import Plan
from napari_fcn_crf.input_error import sentence
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.quoting import printable

OnOutcome = Callable[[Item, Outcome], None]


class Executor(Protocol):
    """What does tasks: this process, several of them, or a cluster."""

    def run(
        self,
        take: Callable[[], Task | None],
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
    ) -> None:
        """Do what `take` gives until it gives nothing more; hand each outcome to `finish`."""


def run_batch(
    plan: Plan,
    ledger: Ledger,
    job: str,
    executor: Executor,
    on_outcome: OnOutcome,
    on_progress: OnTaskProgress,
) -> dict[Item, str]:
    """Do what a plan says, and note in the ledger what became of each image.

    Parameters
    ----------
    plan : Plan
    ledger : Ledger
    job : str
        Hash of model and settings.
    executor : Executor
    on_outcome : callable
        Told each image that is done or has failed.
    on_progress : callable
        Told how far each is.

    Returns
    -------
    dict of Item to str
        Why those failed that did, now or before.

    Raises
    ------
    ValueError
        If backend or model cannot be loaded.
    """
    agenda = _Agenda(plan, ledger, job, on_outcome, on_progress)
    try:
        executor.run(agenda.take, agenda.finish, on_progress)
    finally:
        remove_abandoned(ledger.path.parent)
    return agenda.failed


class _Agenda:
    """What is to be done next, and what is known of each image that was begun."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        job: str,
        on_outcome: OnOutcome,
        on_progress: OnTaskProgress,
    ) -> None:
        self.failed = dict(plan.failed)
        self._waiting = iter(plan.to_do)
        self._ledger, self._job = ledger, job
        self._on_outcome, self._on_progress = on_outcome, on_progress
        self._begun: dict[Item, FileState | None] = {}
        self._parts: dict[Item, _Parts] = {}
        self._next: deque[Task] = deque()

    def take(self) -> Task | None:
        """Return what can be begun now, or None if there is nothing."""
        if self._next:
            return self._next.popleft()
        for item in self._waiting:
            self._begun[item] = item.state()
            outcome = self._note(item, "begun", Outcome())
            if not outcome.error:
                return Task(item, "begin" if item.is_large else "all")
            self._end(item, outcome)
        return None

    def finish(self, task: Task, outcome: Outcome) -> None:
        """Hear what came of a task."""
        item = task.item
        if task.step == "all":
            self._end(item, outcome)
            return
        if item not in self._parts:
            if task.step != "begin":
                return  # another block has failed before
            self._parts[item] = _Parts(set(outcome.missing), len(outcome.missing))
            self._next.extend(Task(item, "block", number) for number in outcome.missing)
        parts = self._parts[item]
        parts.add(outcome)
        parts.missing.discard(task.block if task.step == "block" else -1)
        if outcome.error or task.step == "end":
            del self._parts[item]
            self._next = deque(other for other in self._next if other.item != item)
            self._end(item, replace(outcome, notes=tuple(parts.notes), seconds=parts.seconds))
        else:
            done = parts.count - len(parts.missing)
            self._on_progress(task, Progress("Segmenting blocks", done, parts.count))
            if not parts.missing:
                self._next.appendleft(Task(item, "end"))

    def _end(self, item: Item, outcome: Outcome) -> None:
        # Of one that could not even be noted, nothing is written.
        outcome = self._note(item, "failed" if outcome.error else "done", outcome)
        if outcome.error:
            self.failed[item] = outcome.error
        self._on_outcome(item, outcome)

    def _note(self, item: Item, state: State, outcome: Outcome) -> Outcome:
        before = self._begun[item]
        written = item.written() if state != "begun" else {}
        try:
            self._ledger.add(
                Entry(
                    item.name,
                    str(item.path),
                    -1 if before is None else before.size,
                    -1 if before is None else before.changed_ns,
                    self._job,
                    state,
                    {path.name: written.get(path.name, -1) for path in item.outputs},
                    round(outcome.seconds, 3),
                    outcome.error,
                )
            )
        except OSError as error:
            return replace(outcome, error=outcome.error or sentence(error))
        return outcome


@dataclass
class _Parts:
    """What is known of an image that is done block by block."""

    missing: set[int]
    count: int
    notes: dict[str, None] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.notes |= dict.fromkeys(outcome.notes)
        self.seconds += outcome.seconds


def write_failed(path: Path, failed: dict[Item, str]) -> None:
    """Write a line for each image that failed, its path and why; no file if there is none.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if not failed:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        lines = (f"{item.path}\t{printable(error)}\n" for item, error in failed.items())
        temporary.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")

"""Run of a batch: every image that is to be done, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from napari_fcn_crf.atomic_files import atomic_path, remove_abandoned
from napari_fcn_crf.batch.inputs import FileState, Item
from napari_fcn_crf.batch.ledger import Entry, Ledger, State
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.plan import Plan
from napari_fcn_crf.input_error import sentence
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
    failed = dict(plan.failed)
    waiting: Iterator[Item] = iter(plan.to_do)
    begun: dict[Item, FileState | None] = {}

    def note(item: Item, state: State, outcome: Outcome) -> Outcome:
        before = begun[item]
        written = item.written() if state != "begun" else {}
        try:
            ledger.add(
                Entry(
                    item.name,
                    str(item.path),
                    -1 if before is None else before.size,
                    -1 if before is None else before.changed_ns,
                    job,
                    state,
                    {path.name: written.get(path.name, -1) for path in item.outputs},
                    round(outcome.seconds, 3),
                    outcome.error,
                )
            )
        except OSError as error:
            return Outcome(outcome.error or sentence(error), outcome.notes, outcome.seconds)
        return outcome

    def end(item: Item, outcome: Outcome) -> None:
        if outcome.error:
            failed[item] = outcome.error
        on_outcome(item, outcome)

    def take() -> Task | None:
        for item in waiting:
            begun[item] = item.state()
            outcome = note(item, "begun", Outcome())
            if not outcome.error:
                return Task(item)
            end(item, outcome)
        return None

    def finish(task: Task, outcome: Outcome) -> None:
        item = task.item
        end(item, note(item, "failed" if outcome.error else "done", outcome))

    try:
        executor.run(take, finish, on_progress)
    finally:
        remove_abandoned(ledger.path.parent)
    return failed


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

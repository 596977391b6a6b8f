"""Tasks done one after the other in the compute process that a window keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.pace import Pace
from napari_fcn_crf.batch.plan import Plan
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.run import run_batch, write_failed
from napari_fcn_crf.compute.parent.service import Call, ChildEndedError, ComputeService, Job
from napari_fcn_crf.progress import Progress

FAILED = "failed.txt"
"""File in the folder of the results with those that failed, and why."""

_TASK = "napari_fcn_crf.batch.service_task:carry_out"
_TRIES = 2
"""How often a task is begun whose process ends: what ended it may have been another program."""


@dataclass(frozen=True)
class UnderWay:
    """How far an image is."""

    item: Item
    progress: Progress


@dataclass(frozen=True)
class Ended:
    """What became of an image."""

    item: Item
    outcome: Outcome


class InService:
    """Does tasks in the process of a `ComputeService`.

    Parameters
    ----------
    call : Call
        Asks that process.
    model : Path
    recipe : Recipe
    threads : int
        That the refinement may use; 0 for all.
    """

    def __init__(self, call: Call, model: Path, recipe: Recipe, threads: int) -> None:
        self._call = call
        self._given = {
            "model_path": str(model.absolute()),
            "recipe": recipe.to_dict(),
            "threads": threads,
        }

    def run(
        self,
        take: Callable[[], Task | None],
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
    ) -> None:
        """Do what `take` gives until it gives nothing more, and hand each outcome to `finish`.

        A task whose process ends is done again in a new one, and told as failed if that ends, too.

        Raises
        ------
        Cancelled
        ValueError, ComputeError
            If backend or model cannot be loaded.
        """
        while (task := take()) is not None:
            finish(task, self._outcome(task, on_progress))

    def _outcome(self, task: Task, on_progress: OnTaskProgress) -> Outcome:
        request = {"item": task.item.to_dict(), "step": task.step, "block": task.block}

        def read(info: dict[str, Any]) -> None:
            on_progress(task, Progress(**info))

        for _ in range(_TRIES):
            try:
                values = self._call(_TASK, self._given | request, read)
            except ChildEndedError as error:
                if not error.task_began:
                    raise
            else:
                lists = {name: tuple(values[name]) for name in ("notes", "missing")}
                return Outcome(**values | lists)
        return Outcome(
            "The process that computed it ended twice, most likely for want of memory. Close other "
            "programs, or segment it alone."
        )


def segment_in_service(
    service: ComputeService,
    plan: Plan,
    ledger: Ledger,
    job: str,
    model: Path,
    recipe: Recipe,
    threads: int = 0,
) -> Job[dict[Item, str]]:
    """Start doing what a plan says in the compute process; cancelled, it keeps what is done.

    The job's events tell how many images are done, and have an `UnderWay` or an `Ended` of one as
    their `partial`.

    Parameters
    ----------
    service : ComputeService
    plan : Plan
    ledger : Ledger
    job : str
        Hash of model and settings.
    model : Path
    recipe : Recipe
    threads : int
        That the refinement may use; 0 for all.

    Returns
    -------
    Job of dict
        Its result says why those failed that did, now or before.

    Raises
    ------
    ValueError
        If another job is still running.
    """
    pace = Pace(len(plan.to_do))

    def work(running: Job[dict[Item, str]], call: Call) -> dict[Item, str]:
        ended: list[Item] = []

        def on_progress(task: Task, progress: Progress) -> None:
            pace.begin()
            running.report(pace.progress(UnderWay(task.item, progress)))

        def on_outcome(item: Item, outcome: Outcome) -> None:
            pace.begin()
            ended.append(item)
            pace.advance(len(ended))
            running.report(pace.progress(Ended(item, outcome)))

        executor = InService(call, model, recipe, threads)
        failed = run_batch(plan, ledger, job, executor, on_outcome, on_progress)
        write_failed(ledger.path.parent / FAILED, failed)
        return failed

    return service.start("segmenting images", work)

"""Tasks shared among the workers of a cluster, through dask.distributed.

Workers read images and write results themselves, on storage that all of them see; what travels is
the model, once to each, then tasks and what came of them.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari_fcn_crf
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.input_error import InputError, sentence
from napari_fcn_crf.settings import ComputeSettings

_WAVE = 2
"""How many tasks a worker has at a time: the one that it does, and the next."""

_CONNECT_S = 30
_SILENT_S = 10.0


class Cluster:
    """Does tasks on the workers of a cluster, which may come and go meanwhile.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler, such as "tcp://node1:8786", or the path of the file it wrote.
    is_file : bool
        Which of the two it is.
    model : Path
    recipe : Recipe
    compute : ComputeSettings
    on_waiting : callable, optional
        Told in a sentence, from a thread, when there have been no workers for ten seconds.
    """

    def __init__(
        self,
        scheduler: str,
        is_file: bool,
        model: Path,
        recipe: Recipe,
        compute: ComputeSettings,
        on_waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_waiting = on_waiting
        self._scheduler, self._is_file = scheduler, is_file
        self._model, self._recipe, self._compute = model, recipe, compute

    def run(
        self,
        take: Callable[[], Task | None],
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
    ) -> None:
        """Do what `take` gives until it gives nothing more, and hand each outcome to `finish`.

        Tasks go out in waves. One whose worker is killed is done again by another worker.

        Raises
        ------
        ValueError
            If there is no such scheduler, or a worker lacks this package.
        """
        with self._connected() as client, tell_of_no_workers(client, self._on_waiting):
            from distributed import as_completed

            from napari_fcn_crf.batch.cluster_worker import SegmenterPlugin, carry_out_there

            self._check_workers(client)
            name = uuid.uuid4().hex
            client.register_plugin(
                SegmenterPlugin(self._model.read_bytes(), self._recipe, self._compute), name=name
            )
            flying: dict[str, tuple[Any, Task]] = {}
            landed = as_completed(loop=client.loop)
            try:
                while True:
                    most = max(_WAVE * sum(client.nthreads().values()), _WAVE)
                    while len(flying) < most and (task := take()) is not None:
                        future = client.submit(carry_out_there, task, name, pure=False)
                        flying[future.key] = future, task
                        landed.add(future)
                    if not flying:
                        return
                    future, task = flying.pop(next(landed).key)
                    finish(task, self._outcome(client, future))
                    future.release()
            finally:
                client.cancel([future for future, _ in flying.values()])
                if client.status == "running":
                    client.unregister_worker_plugin(name)

    def _connected(self) -> Any:
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError(
                "A cluster needs the package dask.distributed, which is not installed. Install it "
                "(python -m pip install 'napari-fcn-crf[cluster]')."
            ) from error
        if self._is_file and not Path(self._scheduler).is_file():
            raise InputError(
                f"Expected a file that a scheduler wrote, but there is no {self._scheduler}. Start "
                "the scheduler with --scheduler-file."
            )
        where: dict[str, Any] = {"scheduler_file" if self._is_file else "address": self._scheduler}
        try:
            return Client(**where, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"No scheduler answers at {self._scheduler} ({sentence(error)[:120]}). See that it "
                "runs, and that this machine reaches it."
            ) from error

    def _check_workers(self, client: Any) -> None:
        def version() -> str:
            # Sent as a whole, and so understood where this package is not.
            try:
                import napari_fcn_crf

                return napari_fcn_crf.__version__
            except ImportError:
                return ""

        for worker, found in client.run(version).items():
            if found != napari_fcn_crf.__version__:
                has = f"has {found}" if found else "does not have it"
                raise InputError(
                    f"Every worker needs napari-fcn-crf {napari_fcn_crf.__version__}, but {worker} "
                    f"{has}. Install it there (python -m pip install napari-fcn-crf"
                    f"=={napari_fcn_crf.__version__})."
                )

    def _outcome(self, client: Any, future: Any) -> Outcome:
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result()
        except KilledWorker as error:
            return Outcome(
                f"The workers that computed it ended, {error.allowed_failures + 1} of them (out of "
                "memory?). Give them more, or choose a smaller --tile-px."
            )
        except Exception as error:
            if client.status != "running":
                raise InputError(
                    f"The scheduler at {self._scheduler} is gone. Start it, and run the same "
                    "command again."
                ) from error
            return Outcome(sentence(error))
        return outcome


@contextmanager
def tell_of_no_workers(
    client: Any, on_waiting: Callable[[str], None], every_s: float = _SILENT_S
) -> Iterator[None]:
    """Tell, while this block runs, when there have been no workers for a while; once each time.

    Parameters
    ----------
    client : distributed.Client
    on_waiting : callable
        Told a sentence, from a thread.
    every_s : float
        Between two looks, in seconds.
    """
    over = threading.Event()

    def watch() -> None:
        is_told = False
        while not over.wait(every_s):
            try:
                is_without = not client.nthreads()
            except Exception:  # noqa: BLE001 - the scheduler is gone, which whoever waits is told
                return
            if is_without and not is_told:
                address = client.scheduler.address
                on_waiting(
                    f"Waiting for workers at {address}: there are none. Start some there, such as "
                    f"with dask worker {address} --nthreads 1 --no-nanny."
                )
            is_told = is_without

    thread = threading.Thread(target=watch, name="fcn-crf workers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(every_s)

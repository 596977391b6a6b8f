"""Worker's side of a cluster: the network is loaded once in its process, and does its tasks."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from distributed import Worker, WorkerPlugin, get_worker

from napari_fcn_crf.batch.here import start_network
from napari_fcn_crf.batch.outcome import Outcome, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.segmentation import Segmenter
from napari_fcn_crf.settings import ComputeSettings

_one_at_a_time = threading.Lock()


class SegmenterPlugin(WorkerPlugin):  # type: ignore[misc]
    """What a worker needs for its tasks; those that join late get it, too.

    Parameters
    ----------
    model : bytes
        Of the file.
    recipe : Recipe
    compute : ComputeSettings
    """

    def __init__(self, model: bytes, recipe: Recipe, compute: ComputeSettings) -> None:
        self._model, self._recipe, self._compute = model, recipe, compute
        self._segmenter: Segmenter | None = None

    def setup(self, worker: Worker) -> None:
        """Let the worker go on however much memory the network keeps; it would wait for less."""
        self._pauses_at = worker.memory_manager.memory_pause_fraction
        worker.memory_manager.memory_pause_fraction = False

    def teardown(self, worker: Worker) -> None:
        """Leave the worker as it was."""
        worker.memory_manager.memory_pause_fraction = self._pauses_at
        self._segmenter = None

    def carry_out(self, task: Task) -> Outcome:
        """Do a task, one at a time in this process, which loads the network for the first."""
        with _one_at_a_time:
            if self._segmenter is None:
                self._segmenter = self._load()
            return self._segmenter.carry_out(task)

    def _load(self) -> Segmenter:
        start_network(self._compute)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            path.write_bytes(self._model)
            return Segmenter.load(path, self._recipe)


def carry_out_there(task: Task, name: str) -> Outcome:
    """Do a task on a worker.

    Parameters
    ----------
    task : Task
    name : str
        Of the plugin.
    """
    plugin: SegmenterPlugin = get_worker().plugins[name]
    return plugin.carry_out(task)

"""Tasks done one after the other in this process, which loads the network for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.settings import ComputeSettings


class Here:
    """Does tasks in this process.

    Parameters
    ----------
    model : Path
    recipe : Recipe
    compute : ComputeSettings
        What the network is computed with, unless `load` loads it.
    load : callable, optional
        Loads the backend, before the first task.
    """

    def __init__(
        self,
        model: Path,
        recipe: Recipe,
        compute: ComputeSettings,
        load: Callable[[], None] | None = None,
    ) -> None:
        self._model, self._recipe, self._compute = model, recipe, compute
        self._load = load

    def run(
        self,
        take: Callable[[], Task | None],
        finish: Callable[[Task, Outcome], None],
        on_progress: OnTaskProgress,
    ) -> None:
        """Do what `take` gives until it gives nothing more, and hand each outcome to `finish`.

        Raises
        ------
        ValueError
            If backend or model cannot be loaded.
        """
        start_network(self._compute, self._load)
        from napari_fcn_crf.batch.segmentation import Segmenter

        segmenter = Segmenter.load(self._model, self._recipe)
        while (task := take()) is not None:
            finish(task, segmenter.carry_out(task, partial(on_progress, task)))


def start_network(compute: ComputeSettings, load: Callable[[], None] | None = None) -> None:
    """Load what the network and the CRF are computed with in this process; not in napari's.

    Raises
    ------
    ValueError
        If it cannot be loaded.
    """
    from napari_fcn_crf.compute.allocation import keep_freed_memory
    from napari_fcn_crf.compute.child import backend
    from napari_fcn_crf.pipeline.refinement import limit_threads

    limit_threads(compute.threads)
    if load is not None:
        load()
        return
    keep_freed_memory()
    backend.load_here(compute)

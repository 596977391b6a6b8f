"""Compute process's side of a batch: a task of it is done with the model that is loaded there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.outcome import Step, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.segmentation import Segmenter
from napari_fcn_crf.compute.child.tasks import load_model, reporter, stopper
from napari_fcn_crf.pipeline.refinement import limit_threads


def carry_out(
    task: Any,
    model_path: str,
    recipe: dict[str, Any],
    threads: int,
    item: dict[str, Any],
    step: Step,
    block: int,
) -> dict[str, Any]:
    """Do a task of a batch, and return its outcome as plain values."""
    limit_threads(threads)
    segmenter = Segmenter(load_model(task, model_path), Recipe.from_dict(recipe))
    asked = Task(Item.from_dict(item), step, block)
    return asdict(segmenter.carry_out(asked, reporter(task), stopper(task)))

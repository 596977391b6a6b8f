"""Segmentation of one image of a batch: read, predict, refine, tidy, write."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.objects import Objects, labels_of
from napari_fcn_crf.batch.outcome import Outcome, Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.steps import carry_out_step, changed_meanwhile, named
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.input_error import sentence
from napari_fcn_crf.pipeline.models import Model, load_model
from napari_fcn_crf.pipeline.prediction import check_prediction_input, predict
from napari_fcn_crf.pipeline.refinement import refine
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.results.export.result import Result, smallest
from napari_fcn_crf.results.export.table import export_named, write_result

_BY = "batch"


class Segmenter:
    """Does the tasks of a batch with one model.

    The process must have loaded its backend.

    Parameters
    ----------
    model : Model
    recipe : Recipe
    """

    def __init__(self, model: Model, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe

    @classmethod
    def load(cls, path: Path, recipe: Recipe) -> Segmenter:
        """Return one with the model of a file.

        Raises
        ------
        ValueError
            If it is no such file.
        """
        return cls(load_model(path), recipe)

    def carry_out(
        self,
        task: Task,
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Outcome:
        """Do a task; whatever goes wrong is told in the outcome.

        Raises
        ------
        Cancelled
            If `should_stop` turned true.
        """
        started = time.perf_counter()
        notes: dict[str, None] = {}

        def report(progress: Progress) -> None:
            if progress.note:
                notes[progress.note] = None
            if on_progress is not None:
                on_progress(progress)

        error = ""
        missing: tuple[int, ...] = ()
        try:
            if task.step == "all":
                self._segment(task.item, notes, report, should_stop)
            else:
                missing = carry_out_step(
                    self._model, self._recipe, task, notes, should_stop, report
                )
        except Cancelled:
            raise
        except Exception as found:  # noqa: BLE001 - told with the image's name; the others go on
            error = sentence(found)
        return Outcome(error, tuple(notes), time.perf_counter() - started, missing)

    def _segment(
        self,
        item: Item,
        notes: dict[str, None],
        on_progress: OnProgress,
        should_stop: ShouldStop | None,
    ) -> None:
        recipe, card = self._recipe, self._model.card
        before = item.state()
        picture = as_picture(self._read(item), channels=card.channels)
        notes |= dict.fromkeys(picture.notes)
        pixels = check_prediction_input(card, picture)
        probabilities = predict(
            self._model,
            picture,
            recipe.prediction,
            on_progress=on_progress,
            should_stop=should_stop,
            intensity=recipe.intensity,
        )
        objects = None if recipe.objects is None else Objects(card, recipe.objects)
        # Before they are refined, since where objects touch shows in them.
        inside = None if objects is None else objects.inside(probabilities)
        if recipe.crf is not None:
            mapping, _ = card.intensity.for_image(pixels, recipe.intensity)
            probabilities = refine(
                picture,
                probabilities,
                recipe.crf,
                on_progress=on_progress,
                should_stop=should_stop,
                intensity=mapping,
            )
        labels = card.to_labels(probabilities)
        if recipe.minimum_px > 1:
            from napari_fcn_crf.results.cleanup import remove_small_regions

            labels = remove_small_regions(labels, recipe.minimum_px)
        numbered, count = None, 0
        if objects is not None:
            numbered = np.zeros(labels.shape, np.int32)
            of = labels_of(picture, labels)
            count = objects.number(of, inside, numbered, on_progress, should_stop)
        if item.state() != before:
            raise changed_meanwhile(item)
        with named(item.labels):
            image_files.write_labels(item.labels, labels, _BY, picture)
        classes = LabelClasses(card.class_values, card.class_names, card.class_colours)
        results = [Result(labels_of(picture, labels), classes, image=picture)]
        if objects is not None and numbered is not None:
            results.append(self._write_objects(item, objects, numbered, picture, count))
        self._export(item, results)
        if item.probabilities is not None:
            with named(item.probabilities):
                image_files.write_probabilities(
                    item.probabilities, probabilities, card.class_values, _BY, picture
                )

    def _write_objects(
        self,
        item: Item,
        objects: Objects,
        numbered: npt.NDArray[np.integer],
        image: Picture,
        count: int,
    ) -> Result:
        assert item.objects is not None
        assert item.table is not None
        with named(item.objects):
            image_files.write_labels(item.objects, smallest(numbered), _BY, image)
        picture = labels_of(image, numbered)
        with named(item.table):
            objects.write_table(item.table, picture, image, count)
        return Result(picture, objects.classes, "objects", image)

    def _export(self, item: Item, results: list[Result]) -> None:
        recipe = self._recipe
        formats = [
            (result, name)
            for result, names in zip(
                results, (dict.fromkeys(recipe.exports), recipe.object_exports), strict=False
            )
            for name in names
        ]
        for (result, name), path in zip(formats, item.exports, strict=True):
            with named(path):
                write_result(result, path, export_named(name))

    def _read(self, item: Item) -> Picture:
        recipe = self._recipe
        picture = image_files.read_picture(item.path, recipe.axes, exif=recipe.exif)
        return picture.chosen_channels(recipe.channels) if recipe.channels else picture

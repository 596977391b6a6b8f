"""Steps by which a large image is segmented: begun, block by block in any order, and ended."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.batch.inputs import FileState, Item
from napari_fcn_crf.batch.objects import Objects, StoredObjects
from napari_fcn_crf.batch.outcome import Task
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.data.image_files import open_large_tiff
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.lazy_intensity import lazy_mapping
from napari_fcn_crf.data.ome_zarr.labels import (
    Version,
    build_pyramid,
    create_labels,
    list_labels,
    version_for,
    write_region,
)
from napari_fcn_crf.data.ome_zarr.probabilities import class_axis, create_probabilities
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.probabilities import Probabilities
from napari_fcn_crf.data.unfinished import Unfinished
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.pipeline.prediction import check_prediction_picture
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.quoting import quoted

_PROBABILITIES = "probabilities"

_MOST_MINIMUM_PX = 512
"""Of the regions that are given to their neighbours: twice as much is computed around a block."""


def carry_out_step(
    model: Model,
    recipe: Recipe,
    task: Task,
    notes: dict[str, None],
    should_stop: ShouldStop | None,
    on_progress: OnProgress | None = None,
) -> tuple[int, ...]:
    """Do a step, and return which blocks are missing if it was the first.

    Parameters
    ----------
    model : Model
    recipe : Recipe
    task : Task
    notes : dict
        What a person should know is added to it.
    should_stop : callable, optional
    on_progress : callable, optional
        Told how far the last step is.

    Raises
    ------
    ValueError
        If image or result cannot be read or written; the message says which.
    Cancelled
        If `should_stop` turned true.
    """
    item = task.item
    unfinished = Unfinished(item.labels, ".zarr")
    picture = _read(item, recipe, model)
    objects = _objects(model, recipe, picture, unfinished)
    cut = blocks.cut(picture.spatial_shape, _side_px(model, recipe))
    if task.step == "begin":
        with named(item.labels):
            _begin(model, recipe, item, picture, unfinished, objects, notes)
            return tuple(one.number for one in cut if not unfinished.is_done(one.number))
    if task.step == "block":
        if unfinished.is_done(task.block):  # by a worker that was killed before it could say so
            return ()
        kept = unfinished.kept("intensity")
        mapping = IntensityMapping(tuple(kept["low"]), tuple(kept["high"]))
        block = cut[task.block]
        made = _segmented(model, recipe, picture, block, mapping, should_stop)
        with named(item.labels):
            if item.probabilities is not None:
                at = class_axis(picture)
                key = (*block.key[1 : 1 + at], slice(None), *block.key[1 + at :])
                # Of a plane of which the axes before rows and columns are indexed.
                write_region(unfinished.further(_PROBABILITIES), key, made.probabilities)
            if objects is not None:
                objects.write_inside(block.key[1:], objects.objects.inside(made.predicted))
            write_region(unfinished.data, block.key[1:], made.labels)
            unfinished.done(block.number)
        return ()
    with named(item.labels):
        if objects is not None:
            objects.number(item, _version(recipe, item), _source(item), on_progress, should_stop)
    if unfinished.kept("input") != _said(item.state()):
        unfinished.discard()
        raise changed_meanwhile(item)
    with named(item.labels):
        if item.probabilities is not None:
            further = unfinished.further(_PROBABILITIES)
            if further.exists():
                build_pyramid(further, _with_classes(picture, model.card.n_classes))
            unfinished.finish_further(_PROBABILITIES, item.probabilities)
        if objects is not None and item.objects is not None:
            objects.finish(item.objects)
        build_pyramid(unfinished.data, picture.spatial_shape)
        unfinished.finish()
        if item.is_in_image:
            list_labels(item.path, item.labels.name)
            if item.objects is not None:
                list_labels(item.path, item.objects.name)
    return ()


def changed_meanwhile(item: Item) -> InputError:
    """Return what is said of an image that changed while it was read."""
    return InputError(
        f"{quoted(item.path.name)} changed while it was read. Do it again when it no longer does."
    )


@contextmanager
def named(target: Path) -> Iterator[None]:
    """Let an error of writing say what could not be written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        room = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "Free some space" if room else "See that it can be"
        raise InputError(
            f"{quoted(str(target), 100)} could not be written ({why}). {remedy}, or choose another "
            "folder, and do it again."
        ) from error


def _begin(
    model: Model,
    recipe: Recipe,
    item: Item,
    picture: Picture,
    unfinished: Unfinished,
    objects: StoredObjects | None,
    notes: dict[str, None],
) -> None:
    card = model.card
    values = as_label_values(card.class_values)
    classes = LabelClasses(card.class_values, card.class_names, card.class_colours)
    state = _said(item.state())
    version, source = _version(recipe, item), _source(item)
    if item.is_in_image:
        list_labels(item.path, "")

    def create(path: Path) -> None:
        create_labels(path, picture, values.dtype, classes, item.labels.stem, version, source)
        if item.probabilities is not None:
            further = unfinished.further(_PROBABILITIES)
            create_probabilities(further, picture, classes, item.probabilities.stem, version)
        if objects is not None:
            objects.begin()

    signature = {"job": recipe.digest(card.to_json()), "input": str(item.path), "state": state}
    unfinished.begin(signature, create)
    if unfinished.kept("intensity") is None:
        mapping, note = lazy_mapping(card.intensity, picture, recipe.intensity)
        if note:
            notes[note] = None
        unfinished.keep("input", state)
        unfinished.keep("intensity", asdict(mapping))


def _version(recipe: Recipe, item: Item) -> Version:
    return version_for(item.path) if item.is_in_image else recipe.ome_zarr_version


def _source(item: Item) -> str:
    return "../../" if item.is_in_image else ""


def _objects(
    model: Model, recipe: Recipe, picture: Picture, unfinished: Unfinished
) -> StoredObjects | None:
    if recipe.objects is None:
        return None
    return StoredObjects(Objects(model.card, recipe.objects), picture, unfinished)


def _with_classes(picture: Picture, n_classes: int) -> tuple[int, ...]:
    at, spatial = class_axis(picture), picture.spatial_shape
    return (*spatial[:at], n_classes, *spatial[at:])


@dataclass(frozen=True)
class _Segmented:
    """What is made of a block: labels, and probabilities before and after their refinement."""

    labels: npt.NDArray[np.integer]
    predicted: Probabilities
    probabilities: Probabilities


def _segmented(
    model: Model,
    recipe: Recipe,
    picture: Picture,
    block: blocks.Block,
    mapping: IntensityMapping,
    should_stop: ShouldStop | None,
) -> _Segmented:
    """Return what is made of a block, which is that of the whole plane."""
    # A region that is too small and reaches into the block is seen whole with so much around it.
    margin = 2 * recipe.minimum_px
    around = [
        slice(max(0, part.start - margin), min(side, part.stop + margin))
        for part, side in zip(block.place, picture.spatial_shape[-2:], strict=True)
    ]
    wider = replace(block, rows=around[0], columns=around[1])
    predicted: list[Probabilities] = []

    def probabilities_of(where: blocks.Place) -> Probabilities:
        found = blocks.predict_place(
            model,
            picture,
            block.index,
            where,
            mapping,
            recipe.prediction,
            should_stop=should_stop,
        )
        inside = blocks.within(block.place, where)
        predicted.append(found[(slice(None), *inside)])
        return found

    if recipe.crf is None:
        probabilities = probabilities_of(wider.place)
    else:
        probabilities = blocks.refine_block(
            picture, wider, probabilities_of, mapping, recipe.crf, should_stop=should_stop
        )
    labels = model.card.to_labels(probabilities)
    if recipe.minimum_px > 1:
        from napari_fcn_crf.results.cleanup import remove_small_regions

        labels = remove_small_regions(labels, recipe.minimum_px)
    rows, columns = blocks.within(block.place, wider.place)
    return _Segmented(labels[rows, columns], predicted[0], probabilities[:, rows, columns])


def _read(item: Item, recipe: Recipe, model: Model) -> Picture:
    if recipe.minimum_px > _MOST_MINIMUM_PX:
        raise InputError(
            f"Of large images, regions of up to {_MOST_MINIMUM_PX} pixels can be given to their "
            f"neighbours, but {recipe.minimum_px} were asked for. Choose fewer."
        )
    if recipe.probabilities and item.is_in_image:
        raise InputError(
            "Labels go into the image, but probabilities do not, and they were asked for. Leave "
            "out --probabilities, or --into-images."
        )
    if recipe.exports:
        raise InputError(
            f"Of large images, labels are written as OME-Zarr, but {', '.join(recipe.exports)} was "
            "asked for besides. Leave it out, and export the labels that were written."
        )
    if item.path.is_dir():
        picture = read_ome_zarr(item.path, recipe.axes)
    else:
        picture = open_large_tiff(item.path, recipe.axes)
        if recipe.exif and picture.orientation != 1:
            raise InputError(
                f"{quoted(item.path.name)} is too large to be turned as its camera noted. Segment "
                "it as it is stored."
            )
    if recipe.channels:
        picture = picture.chosen_channels(recipe.channels)
    return check_prediction_picture(model.card, picture)


def _side_px(model: Model, recipe: Recipe) -> int:
    card = model.card
    if recipe.crf is None:
        return blocks.prediction_side_px(card.n_classes)
    return blocks.refinement_side_px(recipe.crf, card.channels, card.n_classes)


def _said(state: FileState | None) -> list[int] | None:
    return None if state is None else [state.size, state.changed_ns]

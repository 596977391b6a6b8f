"""Objects of one image of a batch: numbered one by one, with a table of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.recipe import ObjectsWanted
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.objects import BORDER, OBJECT
from napari_fcn_crf.data.ome_zarr.labels import (
    Version,
    build_pyramid,
    create_labels,
    open_full_size,
    write_region,
)
from napari_fcn_crf.data.ome_zarr.probabilities import class_axis, create_probabilities
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.probabilities import Probabilities
from napari_fcn_crf.data.unfinished import Unfinished
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.results.export.measurements import large_objects_table, write_table
from napari_fcn_crf.results.export.result import Result
from napari_fcn_crf.results.frames import split_frames

Index = tuple[Any, ...]

_OBJECTS, _INSIDE = "objects", "inside"


def class_called(card: ModelCard, text: str) -> int:
    """Return the label of a class by its name or its label.

    Raises
    ------
    ValueError
        With all classes, if there is none, or if it is that of the borders between objects.
    """
    for value, name in zip(card.class_values, card.class_names, strict=True):
        if text == str(value) or text.casefold() == name.casefold():
            if _learns_borders(card) and value == BORDER:
                objects = quoted(card.class_names[card.class_values.index(OBJECT)])
                raise InputError(
                    f"Objects are inside their borders, but {quoted(name)} is the class of these. "
                    f"Choose {objects}."
                )
            return value
    known = ", ".join(
        f"{value} ({name})" for value, name in zip(card.class_values, card.class_names, strict=True)
    )
    raise InputError(
        f"Expected the class of the objects, one of {known}, but found {quoted(text)}. Choose one "
        "of the model's, by label or name."
    )


def _learns_borders(card: ModelCard) -> bool:
    return card.training.labels == "objects-border"


@dataclass(frozen=True)
class Objects:
    """The objects that are wanted, as a model has learnt them.

    Parameters
    ----------
    card : ModelCard
    wanted : ObjectsWanted

    Raises
    ------
    ValueError
        If they are of no class of the model.
    """

    card: ModelCard
    wanted: ObjectsWanted

    def __post_init__(self) -> None:
        class_called(self.card, str(self.wanted.value))

    @property
    def border(self) -> int | None:
        """The class of their borders, if the model has learnt it."""
        is_there = _learns_borders(self.card) and self.wanted.value == OBJECT
        return BORDER if is_there else None

    @property
    def classes(self) -> LabelClasses:
        """The one class that all are of."""
        at = self.card.class_values.index(self.wanted.value)
        colours = self.card.class_colours[at : at + 1]
        return LabelClasses((self.wanted.value,), (self.card.class_names[at],), colours)

    def inside(self, probabilities: Probabilities) -> npt.NDArray[np.float32]:
        """Return how probable it is that a pixel is of an object or its border."""
        values = [self.wanted.value, *([] if self.border is None else [self.border])]
        found: npt.NDArray[np.float32] = np.sum(
            [probabilities[self.card.class_values.index(value)] for value in values], axis=0
        )
        return found

    def number(
        self,
        labels: Picture,
        inside: Any,
        out: Any,
        on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
    ) -> int:
        """Number the objects of labels in an array of zeros; return how many there are."""
        return split_frames(
            labels,
            self.wanted.value,
            self.wanted.minimum_px,
            self.border,
            inside,
            out=out,
            on_progress=on_progress,
            should_stop=should_stop,
        )

    def write_table(self, path: Path, objects: Picture, image: Picture, count: int) -> None:
        """Write what is measured of each object."""
        result = Result(objects, self.classes, "objects", image)
        write_table(large_objects_table(result, count), path)


@dataclass(frozen=True)
class StoredObjects:
    """The objects of an image that is done block by block, which grow with its labels.

    Parameters
    ----------
    objects : Objects
    picture : Picture
        The image.
    unfinished : Unfinished
        Its labels.
    """

    objects: Objects
    picture: Picture
    unfinished: Unfinished

    def begin(self) -> None:
        """Make room for how probable their class is."""
        path = self.unfinished.further(_INSIDE)
        create_probabilities(path, self.picture, self.objects.classes, _INSIDE)

    def write_inside(self, index: Index, inside: npt.NDArray[np.float32]) -> None:
        """Write how probable their class is, in a region of full size."""
        at = class_axis(self.picture)
        key = (*index[:at], 0, *index[at:])
        write_region(self.unfinished.further(_INSIDE), key, inside)

    def number(
        self,
        item: Item,
        version: Version,
        source: str,
        on_progress: OnProgress | None,
        should_stop: ShouldStop | None,
    ) -> None:
        """Number them, with their table; what a process that was killed has left is done anew."""
        if item.objects is None or item.table is None:
            return
        if self.unfinished.kept(_OBJECTS) is not None:
            return
        path, picture = self.unfinished.further(_OBJECTS), self.picture
        shutil.rmtree(path, ignore_errors=True)
        # Of each object's number there is nothing to say.
        of_none = LabelClasses((), ())
        create_labels(path, picture, np.uint32, of_none, item.objects.stem, version, source)
        inside = _OneClass(open_full_size(self.unfinished.further(_INSIDE)), class_axis(picture))
        labels = labels_of(picture, open_full_size(self.unfinished.data))
        out = open_full_size(path, writable=True)
        count = self.objects.number(labels, inside, out, on_progress, should_stop)
        self.objects.write_table(item.table, replace(labels, array=out), picture, count)
        build_pyramid(path, picture.spatial_shape)
        self.unfinished.keep(_OBJECTS, count)

    def finish(self, path: Path) -> None:
        """Give them their name, before the labels get theirs."""
        self.unfinished.finish_further(_OBJECTS, path)


def labels_of(image: Picture, array: Any) -> Picture:
    """Return labels of an image, which lie where it lies."""
    return replace(image, array=array, axes=image.spatial_axes, alpha=False)


@dataclass(frozen=True)
class _OneClass:
    """Probabilities of a single class, as an array without an axis of classes."""

    array: Any
    at: int

    def __getitem__(self, key: Index) -> Any:
        return self.array[(*key[: self.at], 0, *key[self.at :])]

"""Refinement of an image that is larger than memory, block by block, for somebody who looks on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.batch.interruptible import interruptible
from napari_fcn_crf.batch.steps import named
from napari_fcn_crf.batch.unfinished_blocks import Grown, Look, UnfinishedBlocks
from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.lazy_intensity import lazy_mapping
from napari_fcn_crf.data.ome_zarr.growing_pyramid import GrowingPyramid
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.probabilities import Probabilities
from napari_fcn_crf.pipeline.blocks import (
    Block,
    Place,
    cut,
    refine_block,
    refinement_side_px,
    stored_probabilities,
    with_margin,
)
from napari_fcn_crf.pipeline.restriction import only_class
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import CRFSettings


@dataclass(frozen=True)
class RefinementSource:
    """What a refinement starts from.

    Parameters
    ----------
    picture : Picture
        Read block by block.
    probabilities : array, shape `(n_classes, *spatial)`
        Lazy or not.
    class_values : tuple of int
        Label value of each class.
    is_there : callable, optional
        Whether the probabilities of a region of a plane are there already.
    annotated : array of int, optional, shape `spatial`
        Labels, 0 where there are none, that stay as they are.
    only_value : int, optional
        Only pixels that enter or leave this class change.
    """

    picture: Picture
    probabilities: Any
    class_values: tuple[int, ...]
    is_there: Callable[[tuple[int, ...], Place], bool] = lambda index, place: True
    annotated: Any = None
    only_value: int | None = None


@dataclass
class _Counts:
    """Pixels of each class before and after, and how many changed."""

    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]
    changed: int = 0
    pixels: int = 0


@dataclass(eq=False)
class GrowingRefinement:
    """Refined labels of an image in a folder, as far as they are computed.

    Parameters
    ----------
    folder : Path
        Of its own; made here.
    source : RefinementSource
    settings : CRFSettings
    """

    folder: Path
    source: RefinementSource
    settings: CRFSettings
    mapping: IntensityMapping = field(init=False)
    labels: GrowingPyramid = field(init=False)
    blocks: UnfinishedBlocks = field(init=False)

    def __post_init__(self) -> None:
        picture, classes = self.source.picture, len(self.source.class_values)
        shape = picture.spatial_shape
        self._values = as_label_values(self.source.class_values)
        self._stored = {
            index: stored_probabilities(self.source.probabilities, index, shape)
            for index in planes(shape)
        }
        self.mapping = lazy_mapping(None, picture)[0]
        side = refinement_side_px(self.settings, picture.channels, classes)
        self.blocks = UnfinishedBlocks(cut(shape, side))
        self._counts = _Counts(np.zeros(classes, np.int64), np.zeros(classes, np.int64))
        with named(self.folder):
            self.folder.mkdir(parents=True)
            self.labels = GrowingPyramid(
                self.folder / "labels.zarr", shape, self._values.dtype, "nearest"
            )

    @property
    def changed(self) -> float:
        """Fraction of the pixels that are done whose label is another one now."""
        return self._counts.changed / max(1, self._counts.pixels)

    @property
    def areas(self) -> tuple[dict[int, float], dict[int, float]]:
        """Fraction of the pixels that are done with each label, before and after."""
        before, after = (
            dict(zip(self.source.class_values, map(float, count), strict=True))
            for count in (
                self._counts.before / max(1, self._counts.pixels),
                self._counts.after / max(1, self._counts.pixels),
            )
        )
        return before, after

    def can_grow(self, index: tuple[int, ...] | None) -> bool:
        """Return whether there are probabilities of any block of a plane, or of all."""
        return any(map(self._is_there, self.blocks.within(index)))

    def grow(
        self,
        look: Look,
        index: tuple[int, ...] | None,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> Grown:
        """Compute what is missing of a plane, or of all; each block is told as a `partial`.

        Left out are blocks of which the probabilities are not there yet. Ends early, without an
        error, when it should stop: what is done stays.
        """
        return self.blocks.grow(
            index,
            look,
            lambda block: self._refine(block, should_stop),
            "Refining",
            on_progress,
            should_stop,
            self._is_there,
        )

    def _is_there(self, block: Block) -> bool:
        place = with_margin(block.place, self.source.picture.spatial_shape, self.settings)
        return self.source.is_there(block.index, place)

    def _refine(self, block: Block, should_stop: ShouldStop) -> None:
        read, source = self._stored[block.index], self.source

        def annotated_of(place: Place) -> npt.NDArray[np.integer]:
            strokes = np.asarray(source.annotated[(*block.index, *place)])
            return class_indices(strokes, source.class_values, "scribbles")

        def compute() -> tuple[Probabilities, Probabilities]:
            after = refine_block(
                source.picture,
                block,
                read,
                self.mapping,
                self.settings,
                should_stop=should_stop,
                annotated_of=None if source.annotated is None else annotated_of,
            )
            return read(block.place), after

        # What is read may be computed on demand, and takes as long as that takes.
        before, after = interruptible(compute, should_stop)
        if source.only_value in source.class_values:
            after = only_class(before, after, source.class_values.index(source.only_value))
        first, last = before.argmax(axis=0), after.argmax(axis=0)
        with named(self.folder):
            self.labels.write(block.index, block.place, most_probable(after, self._values))
        counts, classes = self._counts, len(self._values)
        counts.before += np.bincount(first.ravel(), minlength=classes)
        counts.after += np.bincount(last.ravel(), minlength=classes)
        counts.changed += int((first != last).sum())
        counts.pixels += first.size

"""An image on the disk that is larger than memory, predicted or refined into OME-Zarr by blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.outcome import Step, Task
from napari_fcn_crf.batch.segmentation import Segmenter
from napari_fcn_crf.batch.steps import named
from napari_fcn_crf.data.image_files import is_large, open_large_tiff, read_probabilities
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.lazy_intensity import image_digest
from napari_fcn_crf.data.ome_zarr.labels import build_pyramid, create_labels, write_region
from napari_fcn_crf.data.ome_zarr.probabilities import (
    StoredProbabilities,
    class_axis,
    create_probabilities,
    open_probabilities,
)
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.unfinished import Unfinished
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.settings import CRFSettings

_PROBABILITIES, _CHANGED = "probabilities", "changed"


def is_read_lazily(path: Path) -> bool:
    """Return whether an image is read block by block: a folder, which is zarr, or a large TIFF."""
    return path.is_dir() or is_large(path)


def open_lazily(path: Path, axes: str | None = None) -> Picture:
    """Return the picture of such a one, of which what is asked for is read then.

    Raises
    ------
    ValueError
        If it cannot be read; the message names it.
    """
    return read_ome_zarr(path, axes) if path.is_dir() else open_large_tiff(path, axes)


def open_lazy_probabilities(path: Path) -> StoredProbabilities:
    """Return the probabilities of a zarr folder or of a large TIFF file, or all of another one.

    Raises
    ------
    ValueError
        If they cannot be read; the message names the file.
    """
    if path.is_dir():
        return open_probabilities(path)
    if not is_large(path):
        found = read_probabilities(path)
        return StoredProbabilities(found.values, found.class_values)
    picture = open_large_tiff(path)
    if picture.array.ndim < 3 or picture.axes.find("c") > 0:
        raise InputError(
            f"Expected probabilities, one plane a class on the first axis, but {quoted(path.name)} "
            f"has the axes {picture.axes}. Choose what `predict` wrote."
        )
    return StoredProbabilities(picture.array, tuple(range(picture.array.shape[0])))


def segment_large(segmenter: Segmenter, item: Item, on_progress: OnProgress) -> None:
    """Do all steps of a large image; what an ended process has done of them is gone on with.

    Raises
    ------
    ValueError
        If it cannot be done; the message says why.
    """

    def carry_out(step: Step, block: int = 0, report: OnProgress | None = None) -> tuple[int, ...]:
        outcome = segmenter.carry_out(Task(item, step, block), report)
        for note in outcome.notes:
            on_progress(Progress("Preparing", note=note))
        if outcome.error:
            raise InputError(outcome.error)
        return outcome.missing

    missing = carry_out("begin")
    for done, block in enumerate(missing):
        on_progress(Progress("Segmenting blocks", done, len(missing), unit="blocks"))
        carry_out("block", block)
    on_progress(Progress("Segmenting blocks", len(missing), len(missing), unit="blocks"))
    carry_out("end")


@dataclass(frozen=True)
class LargeRefinement:
    """A refinement of an image on the disk.

    Parameters
    ----------
    picture : Picture
    given : StoredProbabilities
        Of the image.
    settings : CRFSettings
    mapping : IntensityMapping
        How the image is brought to the scale of 0 to 255.
    classes : LabelClasses
    labels, probabilities : Path
        Where the results go; they end in .zarr.
    """

    picture: Picture
    given: StoredProbabilities
    settings: CRFSettings
    mapping: IntensityMapping
    classes: LabelClasses
    labels: Path
    probabilities: Path

    def run(self, on_progress: OnProgress) -> float:
        """Refine what an ended process has left to do, and return which part of the labels changed.

        Raises
        ------
        ValueError
            If something cannot be read or written; the message says what.
        """
        shape, classes = self.picture.spatial_shape, len(self.classes.values)
        blocks.stored_probabilities(self.given.array, (), shape)  # which refuses another shape
        side = blocks.refinement_side_px(self.settings, self.picture.channels, classes)
        unfinished = Unfinished(self.labels, ".zarr")
        with named(self.labels):
            self._begin(unfinished)
        cut = blocks.cut(shape, side)
        for done, block in enumerate(cut):
            on_progress(Progress("Refining blocks", done, len(cut), unit="blocks"))
            if not unfinished.is_done(block.number):
                self._refine(block, unfinished)
        on_progress(Progress("Refining blocks", len(cut), len(cut), unit="blocks"))
        changed: dict[str, int] = unfinished.kept(_CHANGED) or {}
        with named(self.labels):
            build_pyramid(unfinished.further(_PROBABILITIES), self._with_classes())
            unfinished.finish_further(_PROBABILITIES, self.probabilities)
            build_pyramid(unfinished.data, shape)
            unfinished.finish()
        return sum(changed.values()) / math.prod(shape)

    def _begin(self, unfinished: Unfinished) -> None:
        def create(path: Path) -> None:
            values = as_label_values(self.classes.values)
            create_labels(path, self.picture, values.dtype, self.classes, self.labels.stem)
            further = unfinished.further(_PROBABILITIES)
            create_probabilities(further, self.picture, self.classes, self.probabilities.stem)

        of = Picture(self.given.array, "c" + self.picture.spatial_axes)
        unfinished.begin(
            {
                "settings": self.settings.to_dict(),
                "low": self.mapping.low,
                "high": self.mapping.high,
                "values": list(self.classes.values),
                "image": image_digest(self.picture),
                "probabilities": image_digest(of),
            },
            create,
        )

    def _refine(self, block: blocks.Block, unfinished: Unfinished) -> None:
        shape, values = self.picture.spatial_shape, as_label_values(self.classes.values)
        read = blocks.stored_probabilities(self.given.array, block.index, shape)
        marginals = blocks.refine_block(self.picture, block, read, self.mapping, self.settings)
        before, after = read(block.place).argmax(axis=0), marginals.argmax(axis=0)
        at = class_axis(self.picture)
        key = (*block.key[1 : 1 + at], slice(None), *block.key[1 + at :])
        with named(self.labels):
            write_region(unfinished.further(_PROBABILITIES), key, marginals)
            write_region(unfinished.data, block.key[1:], values[after])
            changed = unfinished.kept(_CHANGED) or {}
            counted = {str(block.number): int((before != after).sum())}
            unfinished.keep(_CHANGED, changed | counted)
            unfinished.done(block.number)

    def _with_classes(self) -> tuple[int, ...]:
        at, spatial = class_axis(self.picture), self.picture.spatial_shape
        return (*spatial[:at], len(self.classes.values), *spatial[at:])

"""Prediction of an image that is larger than memory, block by block, for somebody who looks on."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.batch.interruptible import interruptible
from napari_fcn_crf.batch.steps import named
from napari_fcn_crf.batch.unfinished_blocks import Grown, Look, UnfinishedBlocks
from napari_fcn_crf.compute.parent.service import Call, ChildEndedError, ComputeService, Job
from napari_fcn_crf.compute.shared import SharedArrays
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.lazy_intensity import lazy_mapping
from napari_fcn_crf.data.ome_zarr.growing_pyramid import GrowingPyramid
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.plane_pixels import PlanePixels
from napari_fcn_crf.fcn.heads.head import halo_of
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline.blocks import Block, cut
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import PredictionSettings

BLOCK_PX = 1024
"""Side of what is shown at once: no more costly than larger ones, as tiles are smaller still."""

_ALIGNED_PX = 64
_TASK = "napari_fcn_crf.batch.window_task:predict_window"
_TRIES = 2


class GrowingPrediction:
    """Probabilities and labels of an image in a folder, as far as they are computed.

    Parameters
    ----------
    folder : Path
        Of its own; made here.
    picture : Picture
        Read block by block.
    card : ModelCard
    model_path : Path

    Raises
    ------
    ValueError
        If the image, or the disk, is not what it must be.
    """

    def __init__(self, folder: Path, picture: Picture, card: ModelCard, model_path: Path) -> None:
        self.folder, self.picture, self.card = folder, picture, card
        self._model_path = model_path
        self._values = as_label_values(card.class_values)
        self._mapping, self.note = lazy_mapping(card.intensity, picture)
        self.blocks = UnfinishedBlocks(cut(picture.spatial_shape, BLOCK_PX))
        shape = picture.spatial_shape
        with named(folder):
            folder.mkdir(parents=True)
            self.probabilities = GrowingPyramid(
                folder / "probabilities.zarr", (card.n_classes, *shape), np.float32, "mean"
            )
            self.labels = GrowingPyramid(
                folder / "labels.zarr", shape, self._values.dtype, "nearest"
            )

    @property
    def mapping(self) -> IntensityMapping:
        """How the image's values are mapped."""
        return self._mapping

    def grow(self, job: Job[Grown], call: Call, look: Look, index: tuple[int, ...] | None) -> Grown:
        """Compute what is missing of a plane, or of all; each block is told as a `partial`.

        Ends early, without an error, if the job is cancelled: what is done stays.
        """
        return self.blocks.grow(
            index,
            look,
            lambda block: self._keep(block, self._predicted(job, call, block)),
            "Predicting",
            lambda progress: job.report(replace(progress, note=self.note)),
            job.cancel_requested.is_set,
        )

    def _keep(self, block: Block, probabilities: npt.NDArray[np.float32]) -> None:
        with named(self.folder):
            self.probabilities.write((slice(None), *block.index), block.place, probabilities)
            self.labels.write(block.index, block.place, most_probable(probabilities, self._values))

    def _predicted(self, job: Job[Grown], call: Call, block: Block) -> npt.NDArray[np.float32]:
        halo = halo_of(self.card.training) + _ALIGNED_PX
        shape = self.picture.spatial_shape[-2:]
        rows, columns = (
            slice(max(0, part.start - halo), min(side, part.stop + halo))
            for part, side in zip(block.place, shape, strict=True)
        )
        plane = PlanePixels(self.picture, block.index)
        stop = job.cancel_requested.is_set
        pixels = interruptible(lambda: np.ascontiguousarray(plane[rows, columns]), stop)
        for left in reversed(range(_TRIES)):
            with SharedArrays(lambda: _check(job)) as shared:
                name = shared.reserve()
                request = {
                    "model_path": str(self._model_path.absolute()),
                    "window": shared.share([pixels]),
                    "corner": [rows.start, columns.start],
                    "shape": list(shape),
                    "place": [[part.start, part.stop] for part in block.place],
                    "mapping": asdict(self._mapping),
                    "settings": PredictionSettings().to_dict(),
                    "result_name": name,
                }
                try:
                    found: npt.NDArray[np.float32] = shared.take(
                        name, **call(_TASK, request, lambda info: None)
                    )
                except ChildEndedError as error:
                    # What ended it may have been another program.
                    if not left or not error.task_began:
                        raise
                else:
                    return found
        raise AssertionError("unreachable")


def grow_in_service(
    service: ComputeService,
    growing: GrowingPrediction,
    look: Look,
    index: tuple[int, ...] | None = None,
) -> Job[Grown]:
    """Start computing what is missing of a prediction, in the compute process.

    Parameters
    ----------
    service : ComputeService
    growing : GrowingPrediction
    look : callable
        What is nearest to what it returns comes first.
    index : tuple of int, optional
        Of the plane that is wanted; all by default.

    Returns
    -------
    Job of Grown
        Cancelled, it returns what is done. Its events have a `Block` that was done as their
        `partial`.
    """
    return service.start("prediction", lambda job, call: growing.grow(job, call, look, index))


def _check(job: Job[Grown]) -> None:
    if job.cancel_requested.is_set():
        raise Cancelled

"""Compute process's side of an image that grows: a block, of which the parent has read the pixels.

Only there an image can be read that is made on demand: its array lives in napari's process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.compute.child.tasks import give, load_model, reporter, stopper
from napari_fcn_crf.compute.shared import Packed, attached
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.pipeline.blocks import predict_pixels
from napari_fcn_crf.settings import PredictionSettings


@dataclass(frozen=True, eq=False)
class Window:
    """Part of a plane that is at hand, indexed as the plane is.

    Parameters
    ----------
    pixels : array, shape `(rows, columns, channels)`
    corner : tuple of int
        Row and column of the first of them.
    sides : tuple of int
        Rows and columns of the plane.
    """

    pixels: npt.NDArray[Any]
    corner: tuple[int, int]
    sides: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and channels of the plane."""
        return (*self.sides, self.pixels.shape[2])

    def __getitem__(self, place: tuple[slice, slice]) -> npt.NDArray[Any]:
        starts = [part.start - first for part, first in zip(place, self.corner, strict=True)]
        stops = [part.stop - first for part, first in zip(place, self.corner, strict=True)]
        if min(starts) < 0 or any(np.greater(stops, self.pixels.shape[:2])):
            raise IndexError(f"{place} is not within the window at {self.corner}")
        rows, columns = map(slice, starts, stops)
        return self.pixels[rows, columns]


def predict_window(
    task: Any,
    model_path: str,
    window: Packed,
    corner: list[int],
    shape: list[int],
    place: list[list[int]],
    mapping: dict[str, Any],
    settings: dict[str, Any],
    result_name: str,
) -> dict[str, Any]:
    """Predict a region of a plane, and leave the probabilities in the shared block `result_name`.

    Parameters
    ----------
    task : Task
    model_path : str
    window : Packed
        Pixels of the region and of what is around it.
    corner : list of int
        Where the window begins in the plane.
    shape : list of int
        Rows and columns of the plane.
    place : list of [int, int]
        First and last but one row, and column, of the region.
    mapping, settings : dict
    result_name : str
    """
    rows, columns = (slice(*part) for part in place)
    with attached(window) as (pixels,):
        plane = Window(pixels, (corner[0], corner[1]), (shape[0], shape[1]))
        probabilities = predict_pixels(
            load_model(task, model_path),
            MappedImage(plane, IntensityMapping(tuple(mapping["low"]), tuple(mapping["high"]))),
            (rows, columns),
            PredictionSettings.from_dict(settings),
            on_progress=reporter(task),
            should_stop=stopper(task),
        )
        del plane
    return give(probabilities, result_name)

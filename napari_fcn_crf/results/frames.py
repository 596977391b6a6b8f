"""Objects of a picture with frames: told apart in each of them, and numbered on through all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.results.large_instances import (
    BlockwiseSplit,
    Inside,
    Place,
    counted,
    smallest_of,
)


def n_leading_axes(axes: str) -> int:
    """Return how many axes come before those of a volume or plane: frames, and what else."""
    return next(at for at in range(len(axes)) if set(axes[at:]) <= set("zyx"))


@dataclass(frozen=True)
class Frame:
    """One frame of an array, a volume or a plane: `frame[place]` reads, or writes, a part of it.

    Parameters
    ----------
    array : array
        Of numpy, dask or zarr.
    index : tuple of int
        Of the frame, along the first axes.
    """

    array: Any
    index: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis of the frame."""
        return tuple(self.array.shape[len(self.index) :])

    def __getitem__(self, place: Place) -> npt.NDArray[Any]:
        """Return a part of it, in memory."""
        return np.asarray(self.array[(*self.index, *place)])

    def __setitem__(self, place: Place, values: npt.NDArray[Any]) -> None:
        """Write a part of it."""
        self.array[(*self.index, *place)] = values


def frames_of(array: Any, axes: str) -> list[Frame]:
    """Return the frames of labels with such axes; a volume of a single plane is a plane."""
    leading = n_leading_axes(axes)
    if len(axes) - leading > 2 and array.shape[leading] == 1:
        leading += 1
    return [Frame(array, index) for index in np.ndindex(*array.shape[:leading])]


def split_frames(
    labels: Picture,
    value: int,
    minimum_px: int | None = None,
    border: int | None = None,
    inside: Any = None,
    *,
    out: Any,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> int:
    """Number the objects of one class in each frame, block by block.

    Parameters
    ----------
    labels : Picture
        Without channels. Planes are those of a volume; all other axes are frames'.
    value, minimum_px, border
        As of `split_instances`; the typical object is that of all frames.
    inside : array of float, shape of `labels`, optional
        How probable it is that a pixel is of an object or its border.
    out : array of int, shape of `labels`
        Of zeros. No number is that of objects in two frames.
    on_progress, should_stop : callable, optional

    Returns
    -------
    int
        The number of objects; 0 if no pixel is of the class.

    Raises
    ------
    Cancelled
        If `should_stop` turned true.
    """
    frames = frames_of(labels.array, labels.axes)
    splits = [BlockwiseSplit(one, value, border, _inside(inside, one.index)) for one in frames]
    blocks = sum(one.n_blocks for one in splits)
    checked = counted(blocks * (1 if minimum_px is not None else 2), on_progress, should_stop)
    if minimum_px is None:
        minimum_px = smallest_of([size for one in splits for size in one.sizes(checked)])
    last = 0
    for frame, split in zip(frames, splits, strict=True):
        last = split.number(minimum_px, Frame(out, frame.index), checked, last) or last
    return last


def _inside(array: Any, index: tuple[int, ...]) -> Inside | None:
    return None if array is None else Frame(array, index).__getitem__

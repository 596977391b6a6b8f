"""Lazy images: what surrounds the strokes is all of them that training reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE, annotated_planes, as_label_array
from napari_fcn_crf.data.picture import Picture, as_picture, check_same_shape
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.settings import TrainingSettings


@dataclass
class Arrays:
    """Images that were read, and their labels.

    Parameters
    ----------
    images : list of array, each `(*spatial, channels)`
    labels : list of array of int, each `spatial`
    are_patches : list of bool
        Whether an image is `(n_patches, rows, columns, channels)`: windows of one plane, which is
        learnt from as one, see `Patches`.
    """

    images: list[npt.NDArray[Any]] = field(default_factory=list)
    labels: list[npt.NDArray[np.integer]] = field(default_factory=list)
    are_patches: list[bool] = field(default_factory=list)

    def add(
        self, image: npt.NDArray[Any], labels: npt.NDArray[np.integer], are_patches: bool = False
    ) -> None:
        """Add an image."""
        self.images.append(image)
        self.labels.append(labels)
        self.are_patches.append(are_patches)


def lazy_pictures(images: Any, labels: Any, axes: str | None) -> list[Picture]:
    """Return the pictures of a training if any of them is lazy and each has its labels.

    Parameters
    ----------
    images, labels : list of array
        As `train` takes them.
    axes : str, optional
        Of the images, if somebody said.
    """
    arrays = [image.array if isinstance(image, Picture) else image for image in images]
    if len(images) != len(labels) or not any(map(is_lazy, arrays)):
        return []
    return [
        as_picture(image, axes, spatial_shape=tuple(np.shape(found)))
        for image, found in zip(images, labels, strict=True)
    ]


def is_lazy(array: Any) -> bool:
    """Return whether an array's pixels are read when they are asked for."""
    return hasattr(array, "shape") and not isinstance(array, np.ndarray)


def read_for_training(
    pictures: Sequence[Picture],
    labels: Sequence[npt.ArrayLike],
    settings: TrainingSettings,
    on_progress: OnProgress | None = None,
) -> Arrays:
    """Read what training needs of pictures.

    Of a lazy one with strokes that is the planes that have any, and of large planes what surrounds
    these; of others it is everything.

    Parameters
    ----------
    pictures : sequence of Picture
    labels : sequence of array of int, each `spatial`
    settings : TrainingSettings
    on_progress : callable, optional
        Called before each piece is read; may raise to end it.

    Raises
    ------
    TypeError, ValueError
        If labels are not such, or not of their picture's shape.
    """
    found = Arrays()
    for picture, given in zip(pictures, labels, strict=True):
        strokes = as_label_array(given)
        check_same_shape(picture, strokes.shape)
        strokes = strokes.reshape(picture.spatial_shape)
        indices = list(annotated_planes(strokes, "scribbles"))
        # Turned patches would be others, and a mask surrounds everything.
        is_sparse = settings.labels == "scribbles" and not settings.augment and bool(indices)
        if not is_lazy(picture.array) or not is_sparse:
            found.add(picture.channels_last(), strokes)
            continue
        for index in indices:
            _add_plane(found, _LazyPlane(picture, index), strokes[index], settings, on_progress)
    return found


class _LazyPlane:
    """One plane of a lazy picture, read where it is looked at, in its own type."""

    def __init__(self, picture: Picture, index: tuple[int, ...]) -> None:
        self._picture = picture
        self._index = dict(
            zip((axis for axis in picture.spatial_axes if axis not in "yx"), index, strict=True)
        )
        sizes = dict(zip(picture.spatial_axes, picture.spatial_shape, strict=True))
        self.shape = (sizes["y"], sizes["x"], picture.channels)
        self.dtype = np.dtype(picture.array.dtype)

    def __getitem__(self, place: tuple[slice, slice], /) -> npt.NDArray[Any]:
        where: dict[str, Any] = {**self._index, "y": place[0], "x": place[1], "c": slice(None)}
        axes = self._picture.axes
        pixels = np.asarray(self._picture.array[tuple(where[axis] for axis in axes)])
        left = [axis for axis in axes if axis in "yxc"]
        if "c" not in left:
            return pixels[..., np.newaxis]
        return np.moveaxis(pixels, left.index("c"), -1)[..., : self._picture.channels]


def _add_plane(
    found: Arrays,
    plane: _LazyPlane,
    strokes: npt.NDArray[np.integer],
    settings: TrainingSettings,
    on_progress: OnProgress | None,
) -> None:
    from napari_fcn_crf.fcn.batches.example import Example
    from napari_fcn_crf.fcn.batches.patches import around_strokes
    from napari_fcn_crf.fcn.heads.head import halo_of

    annotated = strokes != 0
    values, ranks = np.unique(strokes[annotated], return_inverse=True)
    indices = np.full(strokes.shape, IGNORE, np.int32)
    indices[annotated] = ranks
    (around,) = around_strokes([Example(plane, indices)], halo_of(settings))
    if around.is_whole:
        found.add(plane[:, :], strokes)
        return
    # Behind those with strokes there are some that tell what the rest of the plane is like.
    spots, total = around.spots, len(around) + len(around.spot_cuts)
    pieces = np.zeros((total, *around.size, plane.shape[2]), plane.dtype)
    for piece in range(total):
        if on_progress is not None:
            on_progress(Progress("Reading what surrounds the strokes", piece, total))
        if piece < len(around):
            pieces[piece] = around.pixels(piece)
        else:
            rows, columns = spots.size
            pieces[piece, :rows, :columns] = spots.pixels(piece - len(around))
    counting = around.indices != IGNORE
    labels = np.zeros(pieces.shape[:3], strokes.dtype)
    labels[: len(around)][counting] = values[around.indices[counting]]
    found.add(pieces, labels, are_patches=True)

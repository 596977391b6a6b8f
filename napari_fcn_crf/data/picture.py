"""An image that knows its axes, its channels and its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.place import Place
from napari_fcn_crf.input_error import InputError

MINIMUM_SIDE_PX = 32
"""Rows and columns that five poolings need."""

_NAMES = {"t": "frame", "z": "plane", "c": "channel", "y": "row", "x": "column"}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that knows its axes, its channels and its place.

    Parameters
    ----------
    array : array
        Any type, lazy (dask, zarr) or not; it is computed when pixels are asked for.
    axes : str
        One letter an axis: "y" and "x" for rows and columns, "c" for channels, "z" and "t" for
        planes and frames, any other for planes of another kind.
    name : str, optional
        For messages.
    place : Place, optional
        Of the axes other than "c", in their order; pixels of size 1 if nobody said.
    alpha : bool
        Whether the last channel is transparency, which is no part of the picture.
    notes : tuple of str
        What a person should know of how it was read.
    guessed : bool
        Whether nobody said what the planes are, so that labels or a model may tell.
    orientation : int
        By which of the eight turns and flips of EXIF it would stand upright; 1 is none.

    Raises
    ------
    ValueError
        If the axes are not those of such an array.
    """

    array: Any
    axes: str
    name: str = ""
    place: Place = field(default=None)  # type: ignore[assignment]
    alpha: bool = False
    notes: tuple[str, ...] = ()
    guessed: bool = False
    orientation: int = 1

    def __post_init__(self) -> None:
        check_axes(self.axes, tuple(self.array.shape))
        if self.place is None:
            object.__setattr__(self, "place", Place.of_pixels(len(self.spatial_axes)))

    @property
    def spatial_axes(self) -> str:
        """The axes other than channels."""
        return self.axes.replace("c", "")

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size along the axes other than channels."""
        return tuple(
            int(size) for axis, size in zip(self.axes, self.array.shape, strict=True) if axis != "c"
        )

    @property
    def channels(self) -> int:
        """Number of channels, without transparency."""
        if "c" not in self.axes:
            return 1
        return int(self.array.shape[self.axes.index("c")]) - self.alpha

    @property
    def has_channel_axis(self) -> bool:
        """Whether the array has an axis of channels."""
        return "c" in self.axes

    def channels_last(self) -> npt.NDArray[Any]:
        """Return the pixels `(*spatial, channels)`, computed, without transparency."""
        array = np.asarray(self.array)
        if not self.has_channel_axis:
            return array[..., np.newaxis]
        return np.moveaxis(array, self.axes.index("c"), -1)[..., : self.channels]

    def chosen_channels(self, channels: Sequence[int]) -> Picture:
        """Return the picture with some of its channels, in this order.

        Raises
        ------
        ValueError
            If it has no such channel.
        """
        wrong = [channel for channel in channels if not 0 <= channel < self.channels]
        if wrong or not channels:
            raise InputError(
                f"Channels must be numbers from 0 to {self.channels - 1}, but "
                f"{wrong[0] if wrong else 'none'} was given."
            )
        if not self.has_channel_axis:
            return self
        index: list[Any] = [slice(None)] * len(self.axes)
        index[self.axes.index("c")] = list(channels)
        return replace(self, array=self.array[tuple(index)], alpha=False)

    def with_axes(self, axes: str) -> Picture:
        """Return the picture with other axes; pixels keep their size along those of a name.

        Raises
        ------
        ValueError
            If the array cannot have them.
        """
        axes = axes.lower()
        check_axes(axes, tuple(self.array.shape))
        known = dict(zip(self.spatial_axes, range(len(self.spatial_axes)), strict=True))
        spatial = axes.replace("c", "")
        sizes = [self.place.spacing[known[axis]] if axis in known else 1.0 for axis in spatial]
        units = [self.place.units[known[axis]] if axis in known else "pixel" for axis in spatial]
        is_last = self.alpha and axes.endswith("c") and self.axes.endswith("c")
        place = Place(np.diag([*sizes, 1.0]), tuple(units))
        return replace(self, axes=axes, place=place, alpha=is_last, guessed=False)

    @property
    def ends_in_rows_and_columns(self) -> bool:
        """Whether rows and columns are the last axes, in this order, but for channels."""
        return self.spatial_axes.endswith("yx")

    def rows_and_columns_last(self) -> Picture:
        """Return the picture with its axes in another order if rows and columns are not last."""
        if self.ends_in_rows_and_columns:
            return self
        before = self.spatial_axes
        after = before.replace("y", "").replace("x", "") + "yx"
        rest = iter(after)
        axes = "".join(axis if axis == "c" else next(rest) for axis in self.axes)
        order = [before.index(axis) for axis in after]
        return replace(
            self,
            array=np.transpose(self.array, [self.axes.index(axis) for axis in axes]),
            axes=axes,
            place=self.place.in_order(order),
        )

    def describe(self) -> str:
        """Return what it was taken for, such as "2 channels, 30 planes, 512 x 512"."""
        rows, columns = (self.spatial_shape[self.spatial_axes.index(axis)] for axis in ("y", "x"))
        parts = [f"{self.channels} channel{'s' if self.channels > 1 else ''}"]
        for axis, size in zip(self.spatial_axes, self.spatial_shape, strict=True):
            if axis not in "yx":
                parts.append(f"{size} {_NAMES.get(axis, 'plane')}{'s' if size != 1 else ''}")
        return ", ".join([*parts, f"{rows} x {columns}"])


def as_picture(
    image: Any,
    axes: str | None = None,
    *,
    spatial_shape: tuple[int, ...] | None = None,
    channels: int | None = None,
) -> Picture:
    """Return what an array is taken for, or a picture as it is unless its axes were guessed.

    Parameters
    ----------
    image : array or Picture
    axes : str, optional
        One letter an axis of the array, such as "cyx"; it overrules what follows. Rows and columns
        are the last, but for channels.
    spatial_shape : tuple of int, optional
        Shape of the labels or probabilities that belong to it: the axis that these lack, the last
        or else the first, is channels.
    channels : int, optional
        Of the model that it is for: an axis of so many, the last or else the first, is channels.

    Raises
    ------
    TypeError, ValueError
        If it is no image, or has no such axes.

    Notes
    -----
    Without these, a last axis of fewer than 32 behind at least two others is channels, since the
    network needs 32 columns; all others are planes, rows and columns. No channel is dropped.
    """
    if isinstance(image, Picture):
        if axes is not None:
            return _checked_order(image.with_axes(axes))
        if image.guessed and not _belongs(image, spatial_shape, channels):
            shape = tuple(image.array.shape)
            return image.with_axes(_guess_axes(shape, spatial_shape, channels))
        return image
    array = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
    shape = tuple(array.shape)
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            f"An image needs at least two axes with pixels in them, but its shape is {shape}. "
            "Choose another image."
        )
    if axes is None:
        axes = _guess_axes(shape, spatial_shape, channels)
    return _checked_order(Picture(array, axes.lower()))


def check_axes(axes: str, shape: tuple[int, ...]) -> None:
    """Refuse axes that an array of this shape cannot have.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    is_plain = axes.isascii() and axes.isalpha() and len(set(axes)) == len(axes)
    if not is_plain or not {"y", "x"} <= set(axes) or len(axes) != len(shape):
        raise InputError(
            "Axes must be one letter an axis, with y and x among them, such as zyx or cyx, but "
            f"they are {axes!r} for an image of the shape {by(shape)}. Give one letter for each "
            "number of the shape."
        )


def _checked_order(picture: Picture) -> Picture:
    if not picture.ends_in_rows_and_columns:
        wanted = picture.rows_and_columns_last().axes
        raise InputError(
            "Rows and columns must be the last axes, y before x, but for channels, but the axes "
            f"are {picture.axes!r}. Give the array transposed, e.g. "
            f"image.transpose({', '.join(str(picture.axes.index(axis)) for axis in wanted)}), and "
            f"axes={wanted!r}; labels and probabilities alike."
        )
    return picture


def check_same_shape(picture: Picture, labels_shape: tuple[int, ...]) -> None:
    """Refuse labels of another shape than the picture's, but for single planes in front.

    Raises
    ------
    ValueError
        With both.
    """
    if not same_spatial_shape(picture.spatial_shape, labels_shape):
        name = f" '{picture.name}'" if picture.name else ""
        raise InputError(
            f"Image and labels must have the same shape, but the image{name} is "
            f"{by(picture.spatial_shape)} ({picture.describe()}) and the labels are "
            f"{by(labels_shape)}. Choose the labels that were painted on this image."
        )


def same_spatial_shape(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Return whether two shapes are alike but for leading axes of a single plane."""
    return _without_single_planes(first) == _without_single_planes(second)


def _belongs(picture: Picture, spatial_shape: tuple[int, ...] | None, channels: int | None) -> bool:
    if spatial_shape is not None:
        return same_spatial_shape(picture.spatial_shape, spatial_shape)
    return channels is None or picture.channels == channels


def _without_single_planes(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = 0
    while len(shape) - first > 2 and shape[first] == 1:
        first += 1
    return tuple(shape[first:])


def _guess_axes(
    shape: tuple[int, ...], spatial_shape: tuple[int, ...] | None, channels: int | None
) -> str:
    ndim = len(shape)
    if ndim == 2:
        return "yx"
    if spatial_shape is not None:
        if same_spatial_shape(shape, spatial_shape):
            return _planes(ndim)
        if same_spatial_shape(shape[:-1], spatial_shape):
            return _planes(ndim - 1) + "c"
        if same_spatial_shape(shape[1:], spatial_shape):
            return "c" + _planes(ndim - 1)
    if shape[-1] < MINIMUM_SIDE_PX or ((channels or 0) > 1 and shape[-1] == channels):
        return _planes(ndim - 1) + "c"
    if (channels or 0) > 1 and shape[0] == channels:
        return "c" + _planes(ndim - 1)
    return _planes(ndim)


def _planes(ndim: int) -> str:
    """Return the axes of an array without channels: rows and columns, planes, frames, others."""
    return ("abdefghijklmnopqrsuvw"[: max(0, ndim - 4)] + "tzyx")[-ndim:]


def by(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it, such as "512 x 400"."""
    return " x ".join(map(str, shape))

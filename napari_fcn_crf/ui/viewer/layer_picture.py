"""The picture that a layer is: its axes, its channels and its place in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer, Shapes

from napari_fcn_crf.data.channels import ChannelStack
from napari_fcn_crf.data.picture import Picture, by, same_spatial_shape
from napari_fcn_crf.data.place import SAME_WITHIN_PX, Place
from napari_fcn_crf.ui.viewer.axes import (
    axes_in_file,
    axes_of,
    channel_axis,
    is_transparent_last,
    layer_array,
    source_of,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

Part = tuple[int | slice, ...]
"""An index along the axes other than channels: numbers where a slice is cut."""


def picture_of(image: Image, more: Sequence[Image] = ()) -> Picture:
    """Return the picture that an image layer is.

    Parameters
    ----------
    image : Image
    more : sequence of Image, optional
        Further channels, where they are layers of their own.

    Raises
    ------
    ValueError
        If these do not lie where the first does, or have channels themselves.
    """
    axes = axes_of(image)
    if more:
        if "c" in axes:
            raise ValueError(
                f"'{image.name}' has channels itself, so no other layers can be its channels. "
                "Choose either."
            )
        alone = picture_of(image)
        for other in more:
            check_same_place(alone, other)
        stacked = ChannelStack([layer_array(one) for one in (image, *more)])
        return replace(alone, array=stacked, axes=f"{axes}c")
    place = place_of(image)
    if not image.rgb and "c" in axes:
        place = place.without(axes.index("c"))
    array, alpha = layer_array(image), is_transparent_last(image)
    return Picture(array, axes, image.name, place, alpha=alpha, notes=notes_of(image))


def notes_of(image: Image) -> tuple[str, ...]:
    """Return what a person should know of how an image was read, and of what is left out of it."""
    array, source = layer_array(image), source_of(image)
    bits = 8 * array.dtype.itemsize
    notes = () if source is None else source.differences(array.shape, bits)
    if is_transparent_last(image):
        notes += (f"Transparency is left out: the last channel of '{image.name}'.",)
    return notes


def place_of(layer: Layer) -> Place:
    """Return where a layer's pixels lie, by its whole transform, lengths in metres."""
    place = _place_in_own_units(layer)
    matrix, units, said_in = place.matrix.copy(), [], []
    for axis, unit in enumerate(layer.units):
        # Of napari's own registry of units, in which a micrometre is a millionth of a metre.
        base = (1 * unit).to_base_units()
        matrix[axis] *= float(base.magnitude)
        units.append(str(base.units))
        said_in.append(float(base.magnitude))
    return Place(matrix, tuple(units), tuple(said_in))


def volume_spacing(image: Image, picture: Picture) -> tuple[tuple[float, ...], str]:
    """Return the size of a volume's pixels along its axes, and what to say of it.

    Where the layer has none, it is its file's, which napari drops.

    Raises
    ------
    ValueError
        If some are lengths and others times.
    """
    place = picture.place
    if {"meter", "second"} <= set(place.units):
        raise ValueError(
            f"The frames of '{image.name}' are a time apart and its pixels a length, so they are "
            "no volume. Refine all slices one by one."
        )
    spacing = place.spacing
    if "pixel" in place.units:
        # With no unit along one of them, what counts are the numbers that were given.
        spacing = tuple(size / unit for size, unit in zip(spacing, place.said_in, strict=True))
    source = source_of(image)
    if source is None or not np.allclose(spacing, 1) or set(place.units) != {"pixel"}:
        return spacing, ""
    in_file = source.volume_spacing(axes_in_file(image).replace("c", ""))
    if not in_file or len(in_file) != len(spacing):
        return spacing, ""
    said = " x ".join(f"{size * 1e6:.3g}" for size in in_file)
    return in_file, f"The pixels of '{image.name}' are {said} µm, as its file says."


def linear_part(image: Image) -> np.ndarray:
    """Return the matrix from steps along an image's axes other than channels to the world."""
    place, channels = _place_in_own_units(image), channel_axis(image)
    if channels is not None:
        place = place.without(channels)
    return place.matrix[:-1, :-1]


def _place_in_own_units(layer: Layer) -> Place:
    ndim = layer.ndim
    corner = np.array(layer.data_to_world(np.zeros(ndim)))
    steps = [np.subtract(layer.data_to_world(step), corner) for step in np.eye(ndim)]
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1], matrix[:-1, -1] = np.transpose(steps), corner
    return Place(matrix, tuple(map(str, layer.units)))


def check_same_place(picture: Picture, other: Layer) -> None:
    """Refuse a layer that does not lie on a picture pixel by pixel.

    Raises
    ------
    ValueError
        If the shapes or the places in the world differ; the message names both.
    """
    shape = tuple(layer_array(other).shape)
    if not same_spatial_shape(picture.spatial_shape, shape):
        raise ValueError(
            f"Image and labels must have the same shape, but '{picture.name}' is "
            f"{by(picture.spatial_shape)} and '{other.name}' is {by(shape)}. Choose the labels "
            "that were painted on this image, or press New labels."
        )
    _check_distance(picture, other, place_of(other))


def could_lie_on(labels: Layer, image: Image) -> bool:
    """Whether labels have an image's shape; true of an image that is refused for itself."""
    try:
        picture = picture_of(image)
    except ValueError:
        return True
    return same_spatial_shape(picture.spatial_shape, tuple(layer_array(labels).shape))


def could_hold_classes_of(layer: Layer, image: Image) -> bool:
    """Whether a layer has one axis more than an image, and otherwise its shape."""
    try:
        picture = picture_of(image)
    except ValueError:
        return False
    shape = tuple(layer_array(layer).shape)
    return len(shape) == len(picture.spatial_shape) + 1 and any(
        same_spatial_shape(picture.spatial_shape, shape[:axis] + shape[axis + 1 :])
        for axis in range(len(shape))
    )


def check_source_place(picture: Picture, source: Layer) -> None:
    """Refuse probabilities that do not lie on a picture, whichever of their axes is the classes.

    Raises
    ------
    ValueError
        With both names.
    """
    shape, place = tuple(layer_array(source).shape), place_of(source)
    if same_spatial_shape(picture.spatial_shape, shape):
        _check_distance(picture, source, place)
        return
    for axis in range(len(shape)):
        if same_spatial_shape(picture.spatial_shape, shape[:axis] + shape[axis + 1 :]):
            _check_distance(picture, source, place.without(axis))
            return


def _check_distance(picture: Picture, other: Layer, theirs: Place) -> None:
    common = min(theirs.n_axes, picture.place.n_axes)
    try:
        distance = picture.place.last(common).distance_px(
            theirs.last(common), picture.spatial_shape[-common:]
        )
    except ValueError as error:
        raise ValueError(
            f"'{picture.name}' and '{other.name}' are in different units ({error}). Give both the "
            "same in napari's layer controls, or press New labels."
        ) from error
    if distance > SAME_WITHIN_PX:
        raise ValueError(
            f"'{picture.name}' and '{other.name}' must lie in the same place, but they are up to "
            f"{distance:.3g} pixels apart. Copy the image's transform to '{other.name}' "
            "(right-click it in the layer list), or choose what was made on this image."
        )


def region_outlines(shapes: Shapes, image: Image) -> tuple[np.ndarray, ...]:
    """Return the corners of a layer's areas `(points, axes)`, as indices of an image's last axes.

    Raises
    ------
    ValueError
        If there is no area.
    """
    outlines = [
        _corners(np.asarray(data, float), kind)
        for data, kind in zip(shapes.data, shapes.shape_type, strict=True)
        if kind in ("rectangle", "ellipse", "polygon")
    ]
    if not outlines:
        raise ValueError(
            f"'{shapes.name}' has no area in it yet. Draw a rectangle, an ellipse or a polygon "
            "around the region to refine, or choose the whole image."
        )
    common = min(shapes.ndim, image.ndim)
    theirs, ours = _place_in_own_units(shapes), _place_in_own_units(image)
    if "pixel" not in {*theirs.units, *ours.units}:
        # What was drawn with no unit was drawn in those of the screen.
        theirs, ours = place_of(shapes), place_of(image)
    indices = [
        ours.last(common).to_index(theirs.last(common).to_world(outline[:, -common:]))
        for outline in outlines
    ]
    channels = channel_axis(image)
    if channels is None or channels < image.ndim - common:
        return tuple(indices)
    return tuple(np.delete(one, channels - (image.ndim - common), axis=1) for one in indices)


def _corners(data: np.ndarray, kind: str) -> np.ndarray:
    if kind != "ellipse":
        return data
    # Four corners of the box around it; half of its sides are conjugate half-diameters.
    one, other = (data[1] - data[0]) / 2, (data[2] - data[1]) / 2
    angles = np.linspace(0, 2 * np.pi, 100, endpoint=False)[:, None]
    corners: np.ndarray = data.mean(axis=0) + np.cos(angles) * one + np.sin(angles) * other
    return corners


def shown_part(viewer: Viewer, image: Image, picture: Picture) -> Part:
    """Return the plane of a picture that is on the screen, whichever axes are.

    Parameters
    ----------
    viewer : Viewer
    image : Image
        The layer that the picture is of.
    picture : Picture

    Raises
    ------
    ValueError
        If it is shown in 3-D, or along its channels.
    """
    if len(picture.spatial_axes) == 2:
        return ()
    # Axes of the viewer that the layer lacks come first.
    missing = viewer.dims.ndim - image.ndim
    position = np.round(image.world_to_data(viewer.dims.point[missing:])).astype(int)
    displayed = {axis - missing for axis in viewer.dims.displayed}
    part: list[int | slice] = []
    for axis, letter in enumerate(picture.axes[: image.ndim]):
        if letter != "c":
            at = int(np.clip(position[axis], 0, layer_array(image).shape[axis] - 1))
            part.append(slice(None) if axis in displayed else at)
    if sum(isinstance(one, slice) for one in part) != 2:
        raise ValueError(
            f"There is no single slice of '{picture.name}' on the screen. Show rows and columns in "
            "2-D, or choose all slices."
        )
    return tuple(part)


@dataclass(frozen=True)
class ShownPlane:
    """The plane of a picture that is on the screen.

    Parameters
    ----------
    index : tuple of int or slice
        Along the picture's axes other than channels; empty if there are but two.
    axes : tuple of int
        Those of them that are seen, in their order.
    shape : tuple of int
        Of the picture, without channels.
    corners : array, shape `(2, 2)`
        First and last index, along these axes, of what the canvas shows.
    """

    index: Part
    axes: tuple[int, int]
    shape: tuple[int, ...]
    corners: np.ndarray


def shown_plane(viewer: Viewer, image: Image, picture: Picture) -> ShownPlane:
    """Return the plane of a picture that is on the screen, and how much of it is.

    Raises
    ------
    ValueError
        If it is shown in 3-D, or along its channels.
    """
    index = shown_part(viewer, image, picture)
    first, second = [at for at, one in enumerate(index) if isinstance(one, slice)] or (0, 1)
    channels = channel_axis(image)
    own = [at + (channels is not None and at >= channels) for at in (first, second)]
    # Of a multiscale image they count the pixels of the level that is drawn.
    zoom = image.downsample_factors[image.data_level][own] if image.multiscale else 1
    corners = image.corner_pixels[:, own] * zoom
    return ShownPlane(index, (first, second), picture.spatial_shape, corners)


def is_shown(viewer: Viewer, layer: Layer, index: tuple[int, ...]) -> bool:
    """Return whether a plane of a layer, or a line of it, is on the screen in 2-D."""
    if viewer.dims.ndisplay != 2:
        return False
    missing = viewer.dims.ndim - layer.ndim
    displayed = {axis - missing for axis in viewer.dims.displayed}
    position = np.round(layer.world_to_data(viewer.dims.point[missing:])).astype(int)
    return all(axis in displayed or position[axis] == at for axis, at in enumerate(index))

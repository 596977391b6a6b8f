"""The picture that a layer is: its axes, its channels and its place in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import SAME_WITHIN_PX, Place
from napari_fcn_crf.ui.viewer.layers import layer_array

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LETTERS = {
    "c": "c",
    "ch": "c",
    "channel": "c",
    "channels": "c",
    "t": "t",
    "time": "t",
    "frame": "t",
    "z": "z",
    "plane": "z",
    "slice": "z",
    "depth": "z",
}

Part = tuple[int | slice, ...]
"""An index along the axes other than channels: numbers where a slice is cut."""


def axes_of(layer: Layer) -> str:
    """Return what an image layer says of its axes: `rgb`, and the names it has for them.

    The last two axes, or those before the colours, are rows and columns. Others without a name are
    planes, or frames of planes.
    """
    named = [_LETTERS.get(str(label).lower(), "") for label in layer.axis_labels]
    named[-2:] = ["y", "x"]
    free = [letter for letter in "abdefghijklmnopqrsuvwtz" if letter not in named]
    for at in reversed(range(len(named) - 2)):
        if not named[at] or named[at] in named[at + 1 :]:
            named[at] = free.pop()
    return "".join(named) + ("c" if getattr(layer, "rgb", False) else "")


def picture_of(image: Image, axes: str | None = None) -> Picture:
    """Return the picture that an image layer is.

    Parameters
    ----------
    image : Image
    axes : str, optional
        What the person says of its axes, instead of the layer.

    Raises
    ------
    ValueError
        If the layer cannot have such axes.
    """
    axes = axes or axes_of(image)
    place = place_of(image)
    if not image.rgb and "c" in axes:
        place = place.without(axes.index("c"))
    array = layer_array(image)
    return Picture(array, axes, image.name, place, alpha=image.rgb and array.shape[-1] == 4)


def place_of(layer: Layer) -> Place:
    """Return where a layer's pixels lie, by its whole transform, lengths in metres."""
    ndim = layer.ndim
    corner = np.array(layer.data_to_world(np.zeros(ndim)))
    steps = [np.subtract(layer.data_to_world(step), corner) for step in np.eye(ndim)]
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1], matrix[:-1, -1] = np.transpose(steps), corner
    units = []
    for axis, unit in enumerate(layer.units):
        # Of napari's own registry of units, in which a micrometre is a millionth of a metre.
        base = (1 * unit).to_base_units()
        matrix[axis] *= float(base.magnitude)
        units.append(str(base.units))
    return Place(matrix, tuple(units))


def check_same_place(picture: Picture, other: Layer) -> None:
    """Refuse a layer that does not lie on a picture pixel by pixel.

    Raises
    ------
    ValueError
        If the shapes or the places in the world differ; the message names both.
    """
    shape = tuple(layer_array(other).shape)
    if len(picture.spatial_shape) < len(shape):
        singles = len(shape) - len(picture.spatial_shape)
        is_alike = shape[:singles] == (1,) * singles and shape[singles:] == picture.spatial_shape
    else:
        singles = len(picture.spatial_shape) - len(shape)
        is_alike = picture.spatial_shape == (1,) * singles + shape
    if not is_alike:
        raise ValueError(
            f"Image and labels must have the same shape, but '{picture.name}' is "
            f"{_by(picture.spatial_shape)} and '{other.name}' is {_by(shape)}. Choose the labels "
            "that were painted on this image, or press New labels."
        )
    common = min(len(shape), len(picture.spatial_shape))
    ours, theirs = picture.place.last(common), place_of(other).last(common)
    try:
        distance = ours.distance_px(theirs, picture.spatial_shape[-common:])
    except ValueError as error:
        raise ValueError(
            f"'{picture.name}' and '{other.name}' are in different units ({error}). Give both the "
            "same in napari's layer controls, or press New labels."
        ) from error
    if distance > SAME_WITHIN_PX:
        raise ValueError(
            f"'{picture.name}' and '{other.name}' must lie in the same place, but they are up to "
            f"{distance:.3g} pixels apart. Press New labels, or copy the image's transform to "
            f"'{other.name}'."
        )


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


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

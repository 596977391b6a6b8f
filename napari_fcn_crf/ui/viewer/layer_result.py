"""The result that a layer holds, with classes, place and image, as it is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.results.export.result import Meaning, Result
from napari_fcn_crf.ui.viewer.axes import axes_in_file, axes_of, layer_array, source_of
from napari_fcn_crf.ui.viewer.class_names import names_in
from napari_fcn_crf.ui.viewer.layer_picture import picture_of, place_of
from napari_fcn_crf.ui.viewer.layers import class_colours
from napari_fcn_crf.ui.viewer.ownership import our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer

EXPORTED = ("refined", "cleaned", "instances", "predicted", "probabilities")
"""Kinds of results that are exported."""


def is_exported(layer: Layer) -> bool:
    """Whether a layer can be exported: labels, and probabilities of ours."""
    kind = our_metadata(layer).get("kind")
    return isinstance(layer, Labels) if kind is None else kind in EXPORTED


def result_of(
    layer: Layer, viewer: Viewer | None, name_of: Callable[[int], str] | None = None
) -> Result:
    """Return the result that a layer holds; its pixels are not looked at yet.

    Parameters
    ----------
    layer : Layer
    viewer : Viewer, optional
        Where the image is that it was made of, which has intensities.
    name_of : callable, optional
        What the user calls a label value; by default what the layer calls it.

    Raises
    ------
    ValueError
        If it holds none.
    """
    noted = our_metadata(layer)
    image = _image(layer, viewer)
    array, axes = layer_array(layer), axes_of(layer)
    if noted.get("kind") == "probabilities":
        values = tuple(noted["class_values"])
        colours = tuple(map(tuple, noted["class_colours"] or ()))
        names = _named(values, noted["class_names"], name_of)
        axes = _spatial_axes(array.ndim - 1, image, axes[1:])
        place = _place(place_of(layer).without(0), axes, image)
        picture = Picture(array, f"c{axes}", layer.name, place)
        return Result(picture, LabelClasses(values, names, colours), "probabilities")
    if not isinstance(layer, Labels):
        raise ValueError(
            f"'{layer.name}' holds neither labels nor probabilities that were predicted here. "
            "Choose a result of Predict or Refine."
        )
    axes = _spatial_axes(array.ndim, image, axes)
    picture = Picture(array, axes, layer.name, _place(place_of(layer), axes, image))
    classes, meaning = _classes(layer, name_of)
    return Result(picture, classes, meaning, _measured_image(image, picture))


def _classes(layer: Labels, name_of: Callable[[int], str] | None) -> tuple[LabelClasses, Meaning]:
    """Return what labels stand for: those that nobody named number objects."""
    noted = our_metadata(layer)
    if noted.get("kind") == "instances":
        record = noted["record"]
        value = record.get("objects_of_label")
        if value is None:
            return LabelClasses((), ()), "objects"
        name = name_of(value) if name_of is not None else record.get("objects_called", "")
        colour = record.get("objects_colour")
        return LabelClasses((value,), (name,), () if colour is None else (colour,)), "objects"
    known = names_in(layer)
    values = tuple(noted.get("class_values", ())) or tuple(known)
    if not values:
        return LabelClasses((), ()), "objects"
    names = _named(values, [known.get(value, "") for value in values], name_of)
    return LabelClasses(values, names, class_colours(layer, values)), "classes"


def _named(
    values: tuple[int, ...], names: Any, name_of: Callable[[int], str] | None
) -> tuple[str, ...]:
    if name_of is not None:
        return tuple(map(name_of, values))
    return tuple(map(str, names)) if len(names) == len(values) else ("",) * len(values)


def _spatial_axes(ndim: int, image: Image | None, own: str) -> str:
    """Return the axes of the image that something was made of, or its own if that is not known."""
    if image is not None:
        axes = axes_of(image).replace("c", "")
        if len(axes) == ndim:
            return axes
    return own


def _place(place: Place, axes: str, image: Image | None) -> Place:
    """Return a place in which pixels have the size that the image's file has for them.

    napari drops it, so that layers are of pixels of 1.
    """
    if image is None or set(place.units) != {"pixel"} or not np.allclose(place.spacing, 1):
        return place
    source = source_of(image)
    if source is None or len(axes_in_file(image).replace("c", "")) != len(axes):
        return place
    sizes, units = [], []
    for axis in axes:
        size = source.volume_spacing(axis)
        sizes.append(1.0 if size is None else size[0])
        units.append("pixel" if size is None else "meter")
    return Place(np.diag([*sizes, 1.0]), tuple(units))


def _image(layer: Layer, viewer: Viewer | None) -> Image | None:
    image_id = our_metadata(layer).get("image_id")
    if viewer is None or image_id is None:
        return None
    for other in viewer.layers:
        if isinstance(other, Image) and str(other.unique_id) == image_id:
            return other
    return None


def _measured_image(image: Image | None, of: Picture) -> Picture | None:
    if image is None:
        return None
    try:
        picture = picture_of(image)
    except ValueError:
        return None
    return picture if picture.spatial_shape == of.spatial_shape else None

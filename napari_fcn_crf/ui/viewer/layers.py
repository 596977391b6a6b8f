"""Layers to arrays and back: what a layer holds, where it lies, and new labels in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypedDict, TypeGuard, TypeVar, overload

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.ui.viewer.axes import channel_axis, layer_array
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.ownership import note_painted_for, our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer


LayerKind = TypeVar("LayerKind", bound=Layer)

_BRUSH_ON_SCREEN_PX = 8
_BRUSH_PX = 5, 40
"""From fewer nothing is learnt; more napari's own slider does not offer."""

_BRUSH_SHARE = 8
"""A brush is no more than this part of a narrow image."""

CLASS_AXIS = "class"
"""Name of the axis of probabilities along which the classes are."""


class Placement(TypedDict):
    """Where a layer lies in space, as keyword arguments for another one."""

    # Arrays, which napari takes as well as the sequences that it asks for.
    scale: Any
    translate: Any
    rotate: np.ndarray
    shear: np.ndarray
    affine: np.ndarray
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]


def is_source_image(layer: Layer) -> TypeGuard[Image]:
    """Whether a layer is an image to be segmented, not a result."""
    return isinstance(layer, Image) and not our_metadata(layer)


def is_source_labels(layer: Layer) -> TypeGuard[Labels]:
    """Whether a layer is an annotation, not a result."""
    return isinstance(layer, Labels) and not our_metadata(layer)


def is_probabilities(layer: Layer) -> bool:
    """Whether a layer can hold probabilities: an image with a class axis before the others."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3


@overload
def layers_where(
    viewer: Viewer, holds: Callable[[Layer], TypeGuard[LayerKind]]
) -> list[LayerKind]: ...


@overload
def layers_where(viewer: Viewer, holds: Callable[[Layer], bool]) -> list[Layer]: ...


def layers_where(viewer: Viewer, holds: Callable[[Layer], object]) -> list[Any]:
    """Return the viewer's layers for which something holds, topmost first."""
    return [layer for layer in reversed(viewer.layers) if holds(layer)]


def spatial_metadata(layer: Layer) -> Placement:
    """Return where a layer lies, channels left out, as keyword arguments for another one."""
    place: Placement = {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
    channels = channel_axis(layer)
    return place if channels is None else _without_axis(place, channels)


def _without_axis(place: Placement, axis: int) -> Placement:
    ndim = len(place["scale"])
    keep = [at for at in range(ndim) if at != axis]
    shear = np.eye(ndim)
    shear[np.triu_indices(ndim, 1)] = place["shear"]
    return {
        "scale": np.asarray(place["scale"])[keep],
        "translate": np.asarray(place["translate"])[keep],
        "rotate": place["rotate"][np.ix_(keep, keep)],
        "shear": shear[np.ix_(keep, keep)][np.triu_indices(ndim - 1, 1)],
        "affine": place["affine"][np.ix_([*keep, ndim], [*keep, ndim])],
        "units": tuple(place["units"][at] for at in keep),
        "axis_labels": tuple(place["axis_labels"][at] for at in keep),
    }


def with_class_axis(spatial: Placement) -> Placement:
    """Return `spatial_metadata` for the same place with a class axis in front."""
    ndim = len(spatial["scale"])

    def embed(matrix: np.ndarray) -> np.ndarray:
        embedded = np.eye(len(matrix) + 1)
        embedded[1:, 1:] = matrix
        return embedded

    shear = np.eye(ndim)
    shear[np.triu_indices(ndim, 1)] = spatial["shear"]
    return {
        "scale": (1.0, *spatial["scale"]),
        "translate": (0.0, *spatial["translate"]),
        "rotate": embed(spatial["rotate"]),
        "shear": embed(shear)[np.triu_indices(ndim + 1, 1)],
        "affine": embed(spatial["affine"]),
        "units": ("pixel", *spatial["units"]),
        "axis_labels": (CLASS_AXIS, *spatial["axis_labels"]),
    }


def new_labels(viewer: Viewer, image: Image) -> Labels:
    """Add an empty labels layer in the image's place, ready to be painted on."""
    channels = channel_axis(image)
    shape = tuple(
        size for at, size in enumerate(layer_array(image).shape[: image.ndim]) if at != channels
    )
    layer = Labels(
        np.zeros(shape, np.uint8), name=f"{image.name} labels", **spatial_metadata(image)
    )
    viewer.add_layer(layer)
    note_painted_for(layer, image)
    layer.brush_size = _brush_size(viewer, layer)
    layer.mode = "paint"
    return layer


def _brush_size(viewer: Viewer, layer: Labels) -> int:
    """Return the size of a brush, in pixels of a layer, that is seen on the canvas as it is now."""
    on_screen_px = camera_of(viewer).zoom * float(np.min(layer.scale[-2:]))
    smallest, largest = _BRUSH_PX
    largest = min(largest, max(smallest, min(layer.data.shape[-2:]) // _BRUSH_SHARE))
    return int(np.clip(round(_BRUSH_ON_SCREEN_PX / on_screen_px), smallest, largest))


def lies_at(layer: Layer, place: Placement) -> bool:
    """Whether a layer lies in a place, with the same units and names of axes."""
    ours: dict[str, Any] = {**spatial_metadata(layer)}
    theirs: dict[str, Any] = {**place}
    texts = ("units", "axis_labels")
    if any([str(one) for one in ours[key]] != [str(one) for one in theirs[key]] for key in texts):
        return False
    return all(np.allclose(ours[key], theirs[key]) for key in theirs if key not in texts)


def class_colours(labels: Labels, values: Iterable[int]) -> tuple[tuple[float, ...], ...]:
    """Return the colours `(red, green, blue, alpha)` in which a layer shows some label values."""
    colours = [labels.get_color(value) for value in values]
    return tuple(
        (0.0, 0.0, 0.0, 0.0) if colour is None else tuple(map(float, colour)) for colour in colours
    )

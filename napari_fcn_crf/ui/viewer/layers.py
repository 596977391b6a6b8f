"""Layers to arrays and back: what a layer holds, where it lies, and the layers we make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeGuard, TypeVar, overload

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.ui.viewer.axes import channel_axis, layer_array
from napari_fcn_crf.ui.viewer.ownership import (
    Made,
    claim,
    earlier_results,
    insert_claimed,
    note_painted_for,
    note_strokes,
    our_metadata,
)

if TYPE_CHECKING:
    from napari.utils.colormaps.colormap import LabelColormapBase
    from napari.viewer import Viewer


LayerKind = TypeVar("LayerKind", bound=Layer)
Pixels = TypeVar("Pixels", Image, Labels)


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


def layers_where(viewer: Viewer, holds: Callable[[Layer], Any]) -> list[Any]:
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
        "axis_labels": ("class", *spatial["axis_labels"]),
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
    layer.brush_size = 5
    layer.mode = "paint"
    return layer


def add_probabilities(
    viewer: Viewer, image: Image, probabilities: np.ndarray, card: ModelCard
) -> Image:
    """Add a model's prediction above its image, in place of the last one for that image."""
    noted = {
        "kind": "probabilities",
        "image": image.name,
        "class_values": card.class_values,
        "class_names": card.class_names,
        "class_colours": card.class_colours,
        "record": card.record,
    }
    place = with_class_axis(spatial_metadata(image))
    return _add_above(viewer, image, probabilities, noted, place, colormap="viridis")


def class_colours(labels: Labels, values: Iterable[int]) -> tuple[tuple[float, ...], ...]:
    """Return the colours `(red, green, blue, alpha)` in which a layer shows some label values."""
    colours = [labels.get_color(value) for value in values]
    return tuple(
        (0.0, 0.0, 0.0, 0.0) if colour is None else tuple(map(float, colour)) for colour in colours
    )


def result_colormap(annotation: Labels | None, source: Layer | None) -> LabelColormapBase | None:
    """Return the colormap of labels that are made: the annotation's, or the model's colours.

    None where neither is known.
    """
    if annotation is not None:
        return annotation.colormap
    noted = {} if source is None else our_metadata(source)
    colours = noted.get("class_colours")
    if not colours:
        return None
    known = dict(zip(noted["class_values"], map(np.array, colours), strict=True))
    return DirectLabelColormap(color_dict={None: np.zeros(4)} | known)


def add_refined(
    viewer: Viewer,
    image: Image,
    made: Made,
    colormap: LabelColormapBase | None,
    record: dict[str, Any],
) -> Labels:
    """Add refined labels above everything of their image."""
    return add_result(viewer, image, made, "refined", colormap, record)


def add_predicted(
    viewer: Viewer,
    image: Image,
    made: Made,
    colormap: LabelColormapBase | None,
    record: dict[str, Any],
) -> Labels:
    """Add the labels before the refinement, hidden, for comparing."""
    return add_result(viewer, image, made, "predicted", colormap, record, visible=False)


def add_uncertainty(
    viewer: Viewer, image: Image, entropy: np.ndarray, record: dict[str, Any]
) -> Image:
    """Add the entropy of a prediction above its image."""
    noted = {"kind": "uncertainty", "image": image.name, "record": record}
    # Added to the image, black leaves it as it is: there the prediction is sure.
    place, blending = spatial_metadata(image), "additive"
    return _add_above(viewer, image, entropy, noted, place, colormap="magma", blending=blending)


def add_changed(
    viewer: Viewer, image: Image, changed: np.ndarray, record: dict[str, Any]
) -> Labels:
    """Add a layer that marks the pixels, those that are 1, which a refinement has changed."""
    noted = {"kind": "changed", "image": image.name, "record": record}
    place = spatial_metadata(image)
    earlier = earlier_results(viewer, image, "changed")
    layer = _renew(viewer, image, changed, noted, place, earlier, Labels)
    if layer is None:
        layer = Labels(
            changed,
            name=f"{image.name} changed",
            # A colour that no class has by itself: the first would hide in those of the labels. For
            # one that is given by label, napari compiles a function first, for most of a second.
            colormap=CyclicLabelColormap(colors=["transparent", "yellow"]),
            opacity=1,
            **place,
        )
        note_strokes(layer)
        insert_claimed(viewer, len(viewer.layers), layer, image, noted)
    return layer


def add_result(
    viewer: Viewer,
    image: Image,
    made: Made,
    kind: str,
    colormap: LabelColormapBase | None,
    record: dict[str, Any],
    *,
    visible: bool = True,
) -> Labels:
    """Add labels above everything of their image.

    The last result of the same kind and image is replaced, unless the user has painted on it or
    renamed it: then it stays.
    """
    noted = {"kind": kind, "image": image.name, "record": record, "checksum": made.checksum}
    place = spatial_metadata(image)
    unchanged = [
        layer for layer in earlier_results(viewer, image, kind) if layer in made.replaceable
    ]
    layer = _renew(viewer, image, made.array, noted, place, unchanged, Labels)
    if layer is None:
        layer = Labels(
            made.array,
            name=f"{image.name} {kind}",
            opacity=0.5,
            visible=visible,
            # At once: each other colormap makes napari look at every pixel again.
            colormap=colormap,
            **place,
        )
        note_strokes(layer)
        insert_claimed(viewer, len(viewer.layers), layer, image, noted)
        return layer
    if layer.visible != visible:  # napari draws anew even what is seen already
        layer.visible = visible
    if colormap is not None and layer.colormap != colormap:
        layer.colormap = colormap
    return layer


def _renew(
    viewer: Viewer,
    image: Image,
    data: np.ndarray,
    noted: dict[str, Any],
    place: Placement,
    replaceable: Sequence[Layer],
    kind: type[Pixels],
) -> Pixels | None:
    """Give the last result new data and return its layer; the others that are replaceable go.

    napari takes ten times as long to add a layer as to give one new data. Where that layer will
    not do it is removed, too, and None returned.
    """
    renewed: Pixels | None = None
    for layer in reversed(replaceable):
        if (
            renewed is None
            and isinstance(layer, kind)
            and layer.data.shape == data.shape
            and layer.data.dtype == data.dtype
            and _lies_at(layer, place)
        ):
            renewed = layer
        else:
            viewer.layers.remove(layer)
    if renewed is not None:
        renewed.name = f"{image.name} {noted['kind']}"
        claim(renewed, image, noted)
        renewed.data = data
    return renewed


def _lies_at(layer: Layer, place: Placement) -> bool:
    ours: dict[str, Any] = {**spatial_metadata(layer)}
    theirs: dict[str, Any] = {**place}
    texts = ("units", "axis_labels")
    if any([str(one) for one in ours[key]] != [str(one) for one in theirs[key]] for key in texts):
        return False
    return all(np.allclose(ours[key], theirs[key]) for key in theirs if key not in texts)


def _add_above(
    viewer: Viewer,
    image: Image,
    data: np.ndarray,
    noted: dict[str, Any],
    place: Placement,
    *,
    colormap: str,
    blending: str = "translucent",
) -> Image:
    """Show values from 0 to 1 above an image, in its last layer of their kind if there is one."""
    kind = noted["kind"]
    earlier = earlier_results(viewer, image, kind)
    layer = _renew(viewer, image, data, noted, place, earlier, Image)
    if layer is not None:
        return layer
    layer = Image(
        data,
        name=f"{image.name} {kind}",
        contrast_limits=(0, 1),
        colormap=colormap,
        blending=blending,
        **place,
    )
    # At its place at once: to move it there afterwards makes the canvas sort everything again.
    index = viewer.layers.index(image) + 1 if image in viewer.layers else len(viewer.layers)
    insert_claimed(viewer, index, layer, image, noted)
    return layer

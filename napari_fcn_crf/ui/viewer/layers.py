"""Between layers and arrays: what a layer holds, where it lies, and the layers we make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.ui.viewer.ownership import (
    Made,
    claim,
    earlier_results,
    insert_claimed,
    note_strokes,
    our_metadata,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer


def layer_array(layer: Layer) -> Any:
    """Return a layer's data at full resolution, not yet computed if it is lazy."""
    return layer.data[0] if layer.multiscale else layer.data


def is_source_image(layer: Layer) -> bool:
    """Whether a layer is an image to be segmented, not a result."""
    return isinstance(layer, Image) and not our_metadata(layer)


def is_source_labels(layer: Layer) -> bool:
    """Whether a layer is an annotation, not a result."""
    return isinstance(layer, Labels) and not our_metadata(layer)


def is_probabilities(layer: Layer) -> bool:
    """Whether a layer can hold probabilities: an image with a class axis before the others."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3


def layers_where(viewer: Viewer, holds: Callable[[Layer], bool]) -> list[Layer]:
    """Return the viewer's layers for which something holds, topmost first."""
    return [layer for layer in reversed(viewer.layers) if holds(layer)]


def shown_index(viewer: Viewer, layer: Layer) -> tuple[int, ...]:
    """Return the index of the slice that the viewer shows of a layer; empty for a single plane."""
    point = viewer.dims.point[-layer.ndim :]
    position = np.round(layer.world_to_data(point)).astype(int)
    shape = layer_array(layer).shape[: layer.ndim]
    return tuple(int(np.clip(at, 0, size - 1)) for at, size in zip(position, shape, strict=True))[
        :-2
    ]


def spatial_metadata(layer: Layer) -> dict[str, Any]:
    """Return where a layer lies in space, as keyword arguments for another one."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def with_class_axis(spatial: dict[str, Any]) -> dict[str, Any]:
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


def check_same_place(image: Image, labels: Labels) -> None:
    """Refuse labels that do not cover the image pixel by pixel.

    Raises
    ------
    ValueError
        If the shapes or the places in space differ; the message names both.
    """
    image_shape = tuple(layer_array(image).shape)[: image.ndim]
    labels_shape = tuple(layer_array(labels).shape)
    if image_shape != labels_shape:
        raise ValueError(
            f"Image and labels must have the same shape, but '{image.name}' is "
            f"{_by(image_shape)} and '{labels.name}' is {_by(labels_shape)}. Choose the labels "
            "that were painted on this image, or press New labels."
        )
    ours, theirs = spatial_metadata(image), spatial_metadata(labels)
    for name, what in (
        ("scale", "scale"),
        ("translate", "position"),
        ("rotate", "rotation"),
        ("shear", "shear"),
        ("affine", "affine transform"),
    ):
        if not np.allclose(ours[name], theirs[name]):
            raise ValueError(
                f"Image and labels must lie in the same place, but the {what} of '{image.name}' is "
                f"{_short(ours[name])} and that of '{labels.name}' is {_short(theirs[name])}. "
                "Press New labels, or copy the image's transform to the labels."
            )


def new_labels(viewer: Viewer, image: Image) -> Labels:
    """Add an empty labels layer in the image's place, ready to be painted on."""
    shape = tuple(layer_array(image).shape)[: image.ndim]
    layer = viewer.add_labels(
        np.zeros(shape, np.uint8), name=f"{image.name} labels", **spatial_metadata(image)
    )
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


def result_colormap(annotation: Labels | None, source: Layer | None) -> Any:
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
    viewer: Viewer, image: Image, made: Made, colormap: Any, record: dict[str, Any]
) -> Labels:
    """Add refined labels above everything of their image."""
    return add_result(viewer, image, made, "refined", colormap, record)


def add_predicted(
    viewer: Viewer, image: Image, made: Made, colormap: Any, record: dict[str, Any]
) -> Labels:
    """Add the labels before the refinement, hidden, for comparing."""
    return add_result(viewer, image, made, "predicted", colormap, record, visible=False)


def add_uncertainty(
    viewer: Viewer, image: Image, entropy: np.ndarray, record: dict[str, Any]
) -> Image:
    """Add the entropy of a prediction above its image."""
    noted = {"kind": "uncertainty", "image": image.name, "record": record}
    # Added to the image, black leaves it as it is: there the prediction is sure.
    look = {"colormap": "magma", "blending": "additive"}
    return _add_above(viewer, image, entropy, noted, spatial_metadata(image), **look)


def add_changed(
    viewer: Viewer, image: Image, changed: np.ndarray, record: dict[str, Any]
) -> Labels:
    """Add a layer that marks the pixels, those that are 1, which a refinement has changed."""
    noted = {"kind": "changed", "image": image.name, "record": record}
    place = spatial_metadata(image)
    layer = _renew(viewer, image, changed, noted, place, earlier_results(viewer, image, "changed"))
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
    colormap: Any,
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
    layer = _renew(viewer, image, made.array, noted, place, unchanged)
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
    place: dict[str, Any],
    replaceable: Sequence[Layer],
) -> Any:
    """Give the last result new data and return its layer; the others that are replaceable go.

    napari takes ten times as long to add a layer as to give one new data. Where that layer will
    not do it is removed, too, and None returned.
    """
    renewed = None
    for layer in reversed(replaceable):
        is_same = layer.data.shape == data.shape and layer.data.dtype == data.dtype
        if renewed is not None or not is_same or not _lies_at(layer, place):
            viewer.layers.remove(layer)
            continue
        renewed = layer
    if renewed is not None:
        renewed.name = f"{image.name} {noted['kind']}"
        claim(renewed, image, noted)
        renewed.data = data
    return renewed


def _lies_at(layer: Layer, place: dict[str, Any]) -> bool:
    ours = spatial_metadata(layer)
    texts = ("units", "axis_labels")
    if any([str(one) for one in ours[name]] != [str(one) for one in place[name]] for name in texts):
        return False
    return all(np.allclose(ours[name], place[name]) for name in place if name not in texts)


def _add_above(
    viewer: Viewer,
    image: Image,
    data: np.ndarray,
    noted: dict[str, Any],
    place: dict[str, Any],
    **look: str,
) -> Any:
    """Show values from 0 to 1 above an image, in its last layer of their kind if there is one."""
    kind = noted["kind"]
    layer = _renew(viewer, image, data, noted, place, earlier_results(viewer, image, kind))
    if layer is not None:
        return layer
    layer = Image(data, name=f"{image.name} {kind}", contrast_limits=(0, 1), **look, **place)
    # At its place at once: to move it there afterwards makes the canvas sort everything again.
    index = viewer.layers.index(image) + 1 if image in viewer.layers else len(viewer.layers)
    insert_claimed(viewer, index, layer, image, noted)
    return layer


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _short(values: Any) -> str:
    return np.array2string(np.asarray(values), precision=4, separator=", ").replace("\n", "")

"""Between layers and arrays: what a layer holds, where it lies, and the layers we make."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_fcn_crf.model import ModelCard

if TYPE_CHECKING:
    from napari.viewer import Viewer

METADATA_KEY = "napari_fcn_crf"


def layer_array(layer: Layer) -> Any:
    """Return a layer's data at full resolution, not yet computed if it is lazy."""
    return layer.data[0] if layer.multiscale else layer.data


def our_metadata(layer: Layer) -> dict[str, Any]:
    """Return what this plugin noted on a layer it made; empty for other layers."""
    return layer.metadata.get(METADATA_KEY, {})


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
    viewer: Viewer,
    image: Image,
    labels: np.ndarray,
    colormap: Any,
    record: dict[str, Any],
) -> Labels:
    """Add refined labels above everything of their image."""
    return add_result(viewer, image, labels, "refined", colormap, record)


def add_predicted(
    viewer: Viewer,
    image: Image,
    labels: np.ndarray,
    colormap: Any,
    record: dict[str, Any],
) -> Labels:
    """Add the labels before the refinement, hidden, for comparing."""
    return add_result(viewer, image, labels, "predicted", colormap, record, visible=False)


def add_uncertainty(
    viewer: Viewer, image: Image, entropy: np.ndarray, record: dict[str, Any]
) -> Image:
    """Add the entropy of a prediction above its image."""
    noted = {"kind": "uncertainty", "image": image.name, "record": record}
    # Added to the image, black leaves it as it is: there the prediction is sure.
    look = {"colormap": "magma", "blending": "additive"}
    return _add_above(viewer, image, entropy, noted, spatial_metadata(image), **look)


def add_changed(viewer: Viewer, before: Labels, after: Labels) -> Labels:
    """Add a layer that marks the pixels in which two labels layers differ."""
    name = f"{our_metadata(after)['image']} changed"
    changed = (np.asarray(before.data) != np.asarray(after.data)).astype(np.uint8)
    noted = {"kind": "changed", "record": our_metadata(after)["record"]}
    place = spatial_metadata(after)
    renewed = _renew(viewer, name, changed, noted, place)
    if renewed is not None:
        return renewed
    layer = Labels(
        changed,
        name=name,
        # A colour that no class has by itself: the first ones would hide in those of the labels.
        colormap=DirectLabelColormap(color_dict={None: "transparent", 1: "yellow"}),
        opacity=1,
        metadata={METADATA_KEY: noted},
        **place,
    )
    viewer.add_layer(layer)
    return layer


def add_result(
    viewer: Viewer,
    image: Image,
    labels: np.ndarray,
    kind: str,
    colormap: Any,
    record: dict[str, Any],
    *,
    visible: bool = True,
) -> Labels:
    """Add labels above everything of their image.

    The last result of the same kind is replaced, unless the user has painted on it: then it stays.
    """
    name = f"{image.name} {kind}"
    noted = {"kind": kind, "image": image.name, "record": record, "checksum": _checksum(labels)}
    place = spatial_metadata(image)
    layer = _renew(viewer, name, labels, noted, place)
    if layer is None:
        layer = Labels(
            labels,
            name=name,
            opacity=0.5,
            visible=visible,
            metadata={METADATA_KEY: noted},
            **place,
        )
        layer.events.paint.connect(_note_painted)
        if colormap is not None:
            layer.colormap = colormap
        viewer.add_layer(layer)
        return layer
    layer.visible = visible
    if colormap is not None and layer.colormap != colormap:
        layer.colormap = colormap
    return layer


def note_checksum(layer: Labels) -> None:
    """Note what a labels layer holds, by which a later edit of the user's is known."""
    our_metadata(layer)["checksum"] = _checksum(layer.data)


def _renew(
    viewer: Viewer,
    name: str,
    data: np.ndarray,
    noted: dict[str, Any],
    place: dict[str, Any],
) -> Any:
    """Give the last result of this name and kind new data, and return its layer.

    napari takes ten times as long to add a layer as to give one new data. Where that layer will
    not do it is removed, or left to the user who has painted on it, and None returned.
    """
    for layer in list(viewer.layers):
        before = our_metadata(layer)
        if layer.name != name or before.get("kind") != noted["kind"]:
            continue
        if "checksum" in before and before["checksum"] != _checksum(layer.data):
            continue
        # New data under a history of strokes would let undo corrupt it.
        is_same = layer.data.shape == data.shape and layer.data.dtype == data.dtype
        if before.get("painted") or not is_same or not _lies_at(layer, place):
            viewer.layers.remove(layer)
            continue
        layer.metadata[METADATA_KEY] = noted
        layer.data = data
        return layer
    return None


def _lies_at(layer: Layer, place: dict[str, Any]) -> bool:
    ours = spatial_metadata(layer)
    texts = ("units", "axis_labels")
    if any([str(one) for one in ours[name]] != [str(one) for one in place[name]] for name in texts):
        return False
    return all(np.allclose(ours[name], place[name]) for name in place if name not in texts)


def _note_painted(event: Any) -> None:
    our_metadata(event.source)["painted"] = True


def _add_above(
    viewer: Viewer,
    image: Image,
    data: np.ndarray,
    noted: dict[str, Any],
    place: dict[str, Any],
    **look: str,
) -> Any:
    """Show values from 0 to 1 above an image, in its last layer of their kind if there is one."""
    name = f"{image.name} {noted['kind']}"
    layer = _renew(viewer, name, data, noted, place)
    if layer is not None:
        return layer
    metadata = {METADATA_KEY: noted}
    layer = Image(data, name=name, contrast_limits=(0, 1), metadata=metadata, **look, **place)
    # At its place at once: to move it there afterwards makes the canvas sort everything again.
    index = viewer.layers.index(image) + 1 if image in viewer.layers else len(viewer.layers)
    viewer.layers.insert(index, layer)
    return layer


def _checksum(labels: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(labels))


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _short(values: Any) -> str:
    return np.array2string(np.asarray(values), precision=4, separator=", ").replace("\n", "")

"""Result layers: what is made of an image, above it, in its place, in the classes' own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import Colormap, CyclicLabelColormap, DirectLabelColormap

from napari_fcn_crf.data.ome_zarr.pyramid import Pyramid
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.ui.viewer.arrangement import LIVE, index_of_new
from napari_fcn_crf.ui.viewer.camera import camera_kept
from napari_fcn_crf.ui.viewer.layers import (
    Placement,
    layers_where,
    lies_at,
    spatial_metadata,
    with_class_axis,
)
from napari_fcn_crf.ui.viewer.ownership import (
    Made,
    claim,
    earlier_results,
    insert_claimed,
    is_ours,
    note_strokes,
    our_metadata,
)

if TYPE_CHECKING:
    from napari.utils.colormaps.colormap import LabelColormapBase
    from napari.viewer import Viewer

Pixels = TypeVar("Pixels", Image, Labels)

OF_CLASSES = ("predicted", "refined", "cleaned", LIVE)
"""Kinds of results whose labels are the classes', which look alike."""

OPACITY = 0.5

# From nothing where the prediction is sure, so that the image is seen, to the colours of magma.
_UNSURE = Colormap(
    [[0.4, 0.1, 0.5, 0.0], [0.75, 0.2, 0.45, 0.45], [0.99, 0.55, 0.38, 0.75], [1, 1, 0.7, 0.9]],
    name="unsure",
    controls=[0.0, 0.35, 0.7, 1.0],
)


@dataclass(frozen=True)
class ClassLook:
    """How the classes look in labels that are made.

    Parameters
    ----------
    values : tuple of int
        Label value of each class.
    colormap : LabelColormapBase, optional
        None where no colours are known.
    """

    values: tuple[int, ...]
    colormap: LabelColormapBase | None


def class_look(
    annotation: Labels | None, source: Layer | None, values: Iterable[int] = ()
) -> ClassLook:
    """Return how classes look: in the annotation's colours, or in those kept with the model.

    Parameters
    ----------
    annotation : Labels, optional
    source : Layer, optional
        The probabilities, on which the model's colours are noted.
    values : iterable of int, optional
        Label value of each class; by default those that are noted on the source.
    """
    noted = {} if source is None else our_metadata(source)
    known = tuple(values) or tuple(noted.get("class_values", ()))
    if annotation is not None:
        return ClassLook(known, annotation.colormap)
    colours = noted.get("class_colours")
    if not colours:
        return ClassLook(known, None)
    return ClassLook(known, _in_colours(noted["class_values"], colours))


def look_of_card(card: ModelCard) -> ClassLook:
    """Return how a model's classes look; of one that knows no colours, in napari's own."""
    if not card.class_colours:
        return ClassLook(card.class_values, None)
    return ClassLook(card.class_values, _in_colours(card.class_values, card.class_colours))


def _in_colours(values: Sequence[int], colours: Sequence[Sequence[float]]) -> DirectLabelColormap:
    table = dict(zip(values, map(np.array, colours), strict=True))
    return DirectLabelColormap(color_dict={None: np.zeros(4)} | table)


def add_probabilities(
    viewer: Viewer, image: Image, probabilities: np.ndarray, card: ModelCard
) -> Image:
    """Add a model's prediction, hidden, in place of the last one for that image."""
    noted = noted_of_card(image, card)
    place = with_class_axis(spatial_metadata(image))
    layer = _renew(viewer, image, probabilities, noted, place, Image)
    if layer is None:
        layer = Image(
            probabilities,
            name=f"{image.name} probabilities",
            contrast_limits=(0, 1),
            colormap="viridis",
            visible=False,
            **place,
        )
        insert_result(viewer, layer, image, noted)
    return layer


def noted_of_card(image: Image, card: ModelCard) -> dict[str, Any]:
    """Return what is noted on a model's prediction."""
    return {
        "kind": "probabilities",
        "image": image.name,
        "class_values": card.class_values,
        "class_names": card.class_names,
        "class_colours": card.class_colours,
        "record": card.record,
    }


def add_refined(
    viewer: Viewer, image: Image, made: Made, look: ClassLook | None, record: dict[str, Any]
) -> Labels:
    """Add refined labels."""
    return add_result(viewer, image, made, "refined", look, record)


def add_predicted(
    viewer: Viewer, image: Image, made: Made, look: ClassLook | None, record: dict[str, Any]
) -> Labels:
    """Add the labels before the refinement."""
    return add_result(viewer, image, made, "predicted", look, record)


def add_uncertainty(
    viewer: Viewer, image: Image, entropy: np.ndarray, record: dict[str, Any]
) -> Image:
    """Add the entropy of a prediction, through which the image is seen where it is low."""
    noted = {"kind": "uncertainty", "image": image.name, "record": record}
    place = spatial_metadata(image)
    layer = _renew(viewer, image, entropy, noted, place, Image)
    if layer is None:
        layer = uncertainty_layer(image, entropy)
        insert_result(viewer, layer, image, noted)
    return layer


def uncertainty_layer(image: Image, entropy: Any, **options: Any) -> Image:
    """Return a layer of the entropy of an image's prediction, transparent where that is 0."""
    look: dict[str, Any] = {"colormap": _UNSURE}  # which napari takes as well as a name
    return Image(
        entropy,
        name=f"{image.name} uncertainty",
        contrast_limits=(0, 1),
        **look,
        blending="translucent_no_depth",
        **spatial_metadata(image),
        **options,
    )


def add_changed(
    viewer: Viewer, image: Image, changed: np.ndarray, record: dict[str, Any]
) -> Labels:
    """Add a layer that marks the pixels, those that are 1, which a refinement has changed."""
    noted = {"kind": "changed", "image": image.name, "record": record}
    place = spatial_metadata(image)
    layer = _renew(viewer, image, changed, noted, place, Labels)
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
        insert_result(viewer, layer, image, noted)
    return layer


def add_result(
    viewer: Viewer,
    image: Image,
    made: Made,
    kind: str,
    look: ClassLook | None,
    record: dict[str, Any],
) -> Labels:
    """Add labels that were made of an image; whether they are seen is up to `arrange`.

    The last result of the same kind and image is replaced, unless the user has painted on it or
    renamed it: then it stays. A new one is as opaque, or as contoured, as those of its image are.
    """
    look = look or ClassLook((), None)
    noted = {
        "kind": kind,
        "image": image.name,
        "record": record,
        "checksum": made.checksum,
        "class_values": look.values,
    }
    place = spatial_metadata(image)
    unchanged = [
        layer
        for layer in earlier_results(viewer, image, kind)
        if layer in made.replaceable or our_metadata(layer).get("grows")
    ]
    appearance = _appearance(results_of_classes(viewer, image))
    layer = _renew(viewer, image, made.array, noted, place, Labels, unchanged)
    if layer is None:
        layer = Labels(
            made.array,
            name=f"{image.name} {kind}",
            opacity=appearance.opacity,
            visible=False,
            # At once: each other colormap makes napari look at every pixel again.
            colormap=look.colormap,
            **place,
        )
        layer.contour = appearance.contour
        note_strokes(layer)
        insert_result(viewer, layer, image, noted)
    elif look.colormap is not None and not _has_colours(layer, look.colormap, look.values):
        layer.colormap = look.colormap
    return layer


def add_lazy_result(
    viewer: Viewer,
    image: Image,
    pyramid: Pyramid,
    kind: str,
    look: ClassLook | None,
    record: dict[str, Any],
) -> Labels:
    """Add labels of which only what is seen is read, and that cannot be painted on.

    Parameters are those of `add_result`, but for `pyramid`.
    """
    return add_lazy_labels(viewer, image, list(pyramid.levels), kind, look, record)


def add_lazy_labels(
    viewer: Viewer,
    image: Image,
    levels: list[Any],
    kind: str,
    look: ClassLook | None,
    record: dict[str, Any],
    *,
    grows: bool = False,
) -> Labels:
    """Add labels of which only what is seen is read, and that cannot be painted on.

    Parameters are those of `add_result`, but for `levels`, the largest first, and `grows`: whether
    they are not all there yet, so that nothing that was read may be kept.
    """
    look = look or ClassLook((), None)
    appearance = _appearance(results_of_classes(viewer, image))
    layer = Labels(
        levels if len(levels) > 1 else levels[0],
        multiscale=len(levels) > 1,
        name=f"{image.name} {kind}",
        opacity=appearance.opacity,
        visible=False,
        colormap=look.colormap,
        cache=not grows,
        **spatial_metadata(image),
    )
    layer.editable = False
    noted = {
        "kind": kind,
        "image": image.name,
        "record": record,
        "class_values": look.values,
        "grows": grows,
    }
    insert_result(viewer, layer, image, noted)
    return layer


def _has_colours(layer: Labels, colormap: LabelColormapBase, values: Sequence[int]) -> bool:
    """Whether labels have their colours already; napari's own comparison fails for some."""
    if layer.colormap is colormap:
        return True
    each = np.array(values)
    same_type = type(layer.colormap) is type(colormap)
    return same_type and np.array_equal(layer.colormap.map(each), colormap.map(each))


@dataclass(frozen=True)
class Appearance:
    """How opaque labels are, and how wide their contours, in pixels; 0 fills them."""

    opacity: float = OPACITY
    contour: int = 0


def results_of_classes(viewer: Viewer, image: Image) -> list[Labels]:
    """Return an image's results whose labels are classes, the topmost first."""
    return [
        layer
        for layer in layers_where(viewer, is_ours)
        if isinstance(layer, Labels)
        and our_metadata(layer)["kind"] in OF_CLASSES
        and our_metadata(layer)["image_id"] == str(image.unique_id)
    ]


def appearance_of(viewer: Viewer, image: Image) -> Appearance:
    """Return how an image's results look, by the topmost that is seen."""
    return _appearance(results_of_classes(viewer, image))


def _appearance(present: Sequence[Labels]) -> Appearance:
    for layer in sorted(present, key=lambda one: not one.visible):
        return Appearance(layer.opacity, layer.contour)
    return Appearance()


def insert_result(viewer: Viewer, layer: Layer, image: Image, noted: dict[str, Any]) -> None:
    """Add a layer at its place at once: to move it afterwards makes the canvas sort all again."""
    active = viewer.layers.selection.active
    with camera_kept(viewer):
        insert_claimed(viewer, index_of_new(viewer, image, noted["kind"]), layer, image, noted)
    viewer.layers.selection.active = active


def _renew(
    viewer: Viewer,
    image: Image,
    data: np.ndarray,
    noted: dict[str, Any],
    place: Placement,
    kind: type[Pixels],
    replaceable: Sequence[Layer] | None = None,
) -> Pixels | None:
    """Give the last result new data and return its layer; the others that are replaceable go.

    napari takes ten times as long to add a layer as to give one new data. Where that layer will
    not do it is removed, too, and None returned.
    """
    renewed: Pixels | None = None
    if replaceable is None:
        replaceable = earlier_results(viewer, image, noted["kind"])
    for layer in reversed(replaceable):
        if (
            renewed is None
            and isinstance(layer, kind)
            and not our_metadata(layer).get("grows")
            and layer.data.shape == data.shape
            and layer.data.dtype == data.dtype
            and lies_at(layer, place)
        ):
            renewed = layer
        else:
            viewer.layers.remove(layer)
    if renewed is not None:
        renewed.name = f"{image.name} {noted['kind']}"
        claim(renewed, image, noted)
        renewed.data = data
    return renewed

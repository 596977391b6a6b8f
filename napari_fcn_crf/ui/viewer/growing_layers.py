"""Layers of results that grow on disk: what is seen is read, and drawn anew block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.data.lazy_classes import lazily_of_classes
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.results.uncertainty import entropy_of
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.layer_picture import is_shown, shown_plane
from napari_fcn_crf.ui.viewer.layers import spatial_metadata, with_class_axis
from napari_fcn_crf.ui.viewer.ownership import earlier_results, note_earlier, our_metadata
from napari_fcn_crf.ui.viewer.result_layers import (
    ClassLook,
    add_lazy_labels,
    insert_result,
    noted_of_card,
    uncertainty_layer,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

LARGE_PX = 2**24
"""Of images that are lazy or multiscale: larger ones are computed, and shown, block by block."""


def is_large(image: Image, picture: Picture) -> bool:
    """Return whether an image is computed block by block: a large one that is not all in memory."""
    array = layer_array(image)
    is_in_memory = type(array) is np.ndarray and not image.multiscale
    return not is_in_memory and int(np.prod(picture.spatial_shape)) > LARGE_PX


def add_growing_probabilities(
    viewer: Viewer, image: Image, levels: list[Any], card: ModelCard
) -> Image:
    """Add a model's prediction, hidden, that is still to come."""
    _lay_aside(viewer, image, "probabilities")
    layer = Image(
        levels if len(levels) > 1 else levels[0],
        multiscale=len(levels) > 1,
        name=f"{image.name} probabilities",
        contrast_limits=(0, 1),
        colormap="viridis",
        visible=False,
        cache=False,
        **with_class_axis(spatial_metadata(image)),
    )
    insert_result(viewer, layer, image, noted_of_card(image, card) | {"grows": True})
    return layer


def add_growing_labels(
    viewer: Viewer,
    image: Image,
    levels: list[Any],
    kind: str,
    look: ClassLook | None,
    record: dict[str, Any],
) -> Labels:
    """Add labels that are still to come; they cannot be painted on."""
    _lay_aside(viewer, image, kind)
    return add_lazy_labels(viewer, image, levels, kind, look, record, grows=True)


def add_lazy_uncertainty(
    viewer: Viewer, image: Image, source: Image, record: dict[str, Any]
) -> Image:
    """Add the entropy of a prediction that is not all in memory, computed where it is looked at.

    In a smaller level of a prediction it is that of its means.
    """
    levels = [
        lazily_of_classes(level, entropy_of, np.float32)
        for level in (source.data if source.multiscale else [source.data])
    ]
    for layer in earlier_results(viewer, image, "uncertainty"):
        viewer.layers.remove(layer)
    layer = uncertainty_layer(
        image,
        levels if len(levels) > 1 else levels[0],
        multiscale=len(levels) > 1,
        cache=not our_metadata(source).get("grows", False),
    )
    noted = {"kind": "uncertainty", "image": image.name, "record": record}
    insert_result(viewer, layer, image, noted)
    return layer


def _lay_aside(viewer: Viewer, image: Image, kind: str) -> None:
    """Remove an earlier result that has grown, and say of another that it is earlier."""
    for layer in earlier_results(viewer, image, kind):
        if our_metadata(layer).get("grows"):
            viewer.layers.remove(layer)
    note_earlier(viewer, (kind,), "earlier", image)


def show_growth(viewer: Viewer, layer: Layer, index: tuple[int, ...]) -> None:
    """Draw a layer anew if it is seen, and of labels if the plane is of which there is more now."""
    if layer.visible and (isinstance(layer, Image) or is_shown(viewer, layer, index)):
        layer.refresh(extent=False, highlight=False)


def seen_plane(
    viewer: Viewer, image: Image, picture: Picture
) -> tuple[tuple[int, ...], float, float] | None:
    """Return which plane is on the screen, and row and column of the middle of what is seen.

    None if it is no plane of rows and columns.
    """
    try:
        shown = shown_plane(viewer, image, picture)
    except ValueError:
        return None
    if tuple(shown.axes) != (len(shown.shape) - 2, len(shown.shape) - 1):
        return None
    index = tuple(one for one in shown.index if isinstance(one, int))
    sides = np.array(shown.shape[-2:]) - 1
    row, column = np.clip(shown.corners, 0, sides).mean(axis=0)
    return index, float(row), float(column)

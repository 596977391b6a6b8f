"""Mark of a place: an outline around where the next stroke helps most, until it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from napari_fcn_crf.ui.viewer.arrangement import index_of_new
from napari_fcn_crf.ui.viewer.layers import layers_where, spatial_metadata
from napari_fcn_crf.ui.viewer.ownership import insert_claimed, is_ours, our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer

_KIND = "place"


def mark_place(viewer: Viewer, image: Image, position: Sequence[int], size_px: float) -> Shapes:
    """Add an outline around a pixel of an image, in place of the last one.

    Parameters
    ----------
    viewer : Viewer
    image : Image
    position : sequence of int
        Along the image's axes other than channels.
    size_px : float
        Side of the square that it goes around, along rows and columns.
    """
    remove_mark(viewer)
    active = viewer.layers.selection.active
    layer = Shapes(
        [_corners(position, size_px)],
        shape_type="rectangle",
        face_color="transparent",
        edge_color="yellow",
        edge_width=size_px / 40,
        name=f"{image.name} look here",
        **spatial_metadata(image),
    )
    layer.editable = False
    insert_claimed(viewer, index_of_new(viewer, image, _KIND), layer, image, {"kind": _KIND})
    viewer.layers.selection.active = active
    return layer


def outline_place(viewer: Viewer, image: Image, position: Sequence[int], size_px: float) -> Shapes:
    """Move the outline around another pixel of the same image; one is added if there is none."""
    for layer in layers_where(viewer, is_mark):
        if isinstance(layer, Shapes) and our_metadata(layer)["image_id"] == str(image.unique_id):
            corners = _corners(position, size_px)
            if not np.array_equal(layer.data[0], corners):
                layer.data = [corners]
                layer.editable = False
            return layer
    return mark_place(viewer, image, position, size_px)


def _corners(position: Sequence[int], size_px: float) -> np.ndarray:
    sides = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * size_px / 2
    corners = np.tile(np.asarray(position, float), (4, 1))
    corners[:, -2:] += sides
    return corners


def remove_mark(viewer: Viewer) -> None:
    """Remove what `mark_place` has added."""
    for layer in layers_where(viewer, is_mark):
        viewer.layers.remove(layer)


def remove_with_next_stroke(viewer: Viewer, labels: Labels) -> None:
    """Remove it as soon as something is painted on labels."""

    def on_painted(event: object) -> None:
        labels.events.paint.disconnect(on_painted)
        remove_mark(viewer)

    labels.events.paint.connect(on_painted)


def is_mark(layer: Layer) -> bool:
    """Whether a layer is the outline of a place."""
    return is_ours(layer) and our_metadata(layer)["kind"] == _KIND

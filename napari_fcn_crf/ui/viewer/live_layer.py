"""Layer of labels that follow the brush: updated in place, where they have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_fcn_crf.ui.viewer.arrangement import LIVE, index_of_new
from napari_fcn_crf.ui.viewer.camera import camera_kept
from napari_fcn_crf.ui.viewer.layer_picture import ShownPlane, is_shown
from napari_fcn_crf.ui.viewer.layers import spatial_metadata
from napari_fcn_crf.ui.viewer.ownership import insert_claimed, is_ours, our_metadata
from napari_fcn_crf.ui.viewer.preview_layers import place_region
from napari_fcn_crf.ui.viewer.result_layers import appearance_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fcn_crf.crf.live.region import Region


def add_live(
    viewer: Viewer,
    image: Image,
    shape: tuple[int, ...] | None,
    dtype: np.dtype,
    like: Labels | None,
) -> Labels:
    """Add an empty layer that cannot be painted on, in the colours of another.

    Parameters
    ----------
    viewer : Viewer
    image : Image
    shape : tuple of int, optional
        Of the image without channels; None where only the region that is seen is shown.
    dtype : dtype
        Of the labels.
    like : Labels, optional
    """
    place, look = spatial_metadata(image), appearance_of(viewer, image)
    layer = Labels(
        np.zeros(shape or (1,) * len(place["scale"]), dtype),
        name=f"{image.name} live",
        opacity=look.opacity,
        colormap=None if like is None else like.colormap,
        **place,
    )
    layer.contour = look.contour
    layer.editable = False
    active = viewer.layers.selection.active
    noted = {"kind": LIVE, "is_window": shape is None}
    with camera_kept(viewer):
        insert_claimed(viewer, index_of_new(viewer, image, LIVE), layer, image, noted)
    viewer.layers.selection.active = active
    return layer


def can_show(layer: Labels, shape: tuple[int, ...] | None, dtype: np.dtype) -> bool:
    """Return whether a layer can take labels of a picture of this shape, and of this type."""
    is_window = bool(our_metadata(layer)["is_window"])
    if is_window or shape is None:
        return is_window == (shape is None)
    return tuple(layer.data.shape) == shape and np.dtype(layer.data.dtype) == dtype


def show_region(
    viewer: Viewer,
    layer: Labels,
    image: Image,
    index: tuple[int, ...],
    labels: np.ndarray,
    region: Region,
    shown: ShownPlane,
) -> None:
    """Show labels of a region of the plane of that index."""
    if our_metadata(layer)["is_window"]:
        place_region(layer, image, labels, region, shown)
        return
    rows, columns = slice(*region.rows), slice(*region.columns)
    target = layer.data[index][rows, columns]
    step = region.step
    if step > 1:
        labels = labels.repeat(step, axis=0).repeat(step, axis=1)
        labels = labels[: target.shape[0], : target.shape[1]]
    if np.array_equal(target, labels):
        return
    target[...] = labels
    if is_shown(viewer, layer, index):
        layer.refresh(thumbnail=False, highlight=False, extent=False)


def is_live(layer: object) -> bool:
    """Whether a layer shows labels that follow the brush."""
    return isinstance(layer, Labels) and is_ours(layer) and our_metadata(layer)["kind"] == LIVE

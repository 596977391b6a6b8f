"""Preview layers of what is on its way: they come and go, and cannot be painted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.ui.viewer.arrangement import index_of_new
from napari_fcn_crf.ui.viewer.layer_picture import ShownPlane, is_shown, linear_part
from napari_fcn_crf.ui.viewer.layers import Placement, layers_where, spatial_metadata
from napari_fcn_crf.ui.viewer.ownership import insert_claimed, is_ours, our_metadata

if TYPE_CHECKING:
    from napari.utils.colormaps.colormap import LabelColormapBase
    from napari.viewer import Viewer

    from napari_fcn_crf.crf.live.region import Region

_OF_WORK = {"kind": "preview", "is_live": False}
_LIVE = {"kind": "preview", "is_live": True}


def add_preview(viewer: Viewer, image: Image, like: Labels | None) -> Labels:
    """Add an empty layer for what `place_region` shows; it cannot be painted on."""
    place = spatial_metadata(image)
    layer = Labels(
        np.zeros((1,) * len(place["scale"]), np.uint8),
        name=f"{image.name} preview",
        opacity=0.5,
        units=place["units"],
        axis_labels=place["axis_labels"],
    )
    if like is not None:
        layer.colormap = like.colormap
    insert_claimed(viewer, index_of_new(viewer, image, "preview"), layer, image, _LIVE)
    return layer


def add_growing(
    viewer: Viewer, image: Image, labels: np.ndarray, colormap: LabelColormapBase | None
) -> Labels:
    """Add a stack's labels of which `grow` replaces one slice after the other."""
    active = viewer.layers.selection.active
    place = spatial_metadata(image)
    layer = Labels(labels, name=f"{image.name} preview", opacity=0.5, colormap=colormap, **place)
    layer.editable = False
    insert_claimed(viewer, index_of_new(viewer, image, "preview"), layer, image, _OF_WORK)
    viewer.layers.selection.active = active
    return layer


def grow(viewer: Viewer, layer: Labels, index: tuple[int, ...], labels: np.ndarray) -> None:
    """Show another slice of what `add_growing` added."""
    layer.data[index] = labels
    # Where it is seen: to draw a volume anew for each of its slices keeps the window waiting.
    if is_shown(viewer, layer, index):
        layer.refresh()


def show_prediction_preview(
    viewer: Viewer,
    image: Image,
    labels: np.ndarray,
    colormap: LabelColormapBase,
    index: tuple[int, ...],
) -> Labels | None:
    """Show what the plane of that index would be now, in one layer; it is returned if it is new."""
    found = layers_where(viewer, _is_of_work)
    place = spatial_metadata(image)
    missing = len(place["scale"]) - 2
    picture = labels.reshape((1,) * missing + labels.shape)
    if found and found[0].data.shape == picture.shape:
        found[0].data = picture
        found[0].editable = False  # new data makes it editable again
        return None
    remove_preview(viewer)
    active = viewer.layers.selection.active
    place["translate"] = _moved(image, place, (*index, 0, 0))
    layer = Labels(picture, name=f"{image.name} preview", colormap=colormap, opacity=0.5, **place)
    layer.editable = False
    insert_claimed(viewer, index_of_new(viewer, image, "preview"), layer, image, _OF_WORK)
    viewer.layers.selection.active = active
    return layer


def remove_preview(viewer: Viewer) -> None:
    """Remove what showed work on its way; what follows the sliders stays."""
    for layer in layers_where(viewer, _is_of_work):
        viewer.layers.remove(layer)


def is_preview(layer: Layer) -> bool:
    """Whether a layer shows what is on its way."""
    return is_ours(layer) and our_metadata(layer)["kind"] == "preview"


def _is_of_work(layer: Layer) -> bool:
    return is_preview(layer) and not our_metadata(layer)["is_live"]


def place_region(
    layer: Labels,
    image: Image,
    labels: np.ndarray,
    region: Region,
    shown: ShownPlane,
) -> None:
    """Show labels of a region, sampled or not, where it lies in the plane that is on the screen.

    Along the other axes, one pixel is as long as the image: what is shown while a slider moves is
    the last plane's.
    """
    place = spatial_metadata(image)
    steps = np.array(shown.shape, float)
    corner = (steps - 1) / 2
    shape = [1] * len(steps)
    for axis, (first, _), size in zip(
        shown.axes, (region.rows, region.columns), labels.shape, strict=True
    ):
        steps[axis], corner[axis], shape[axis] = region.step, first, size
    layer.data = labels.reshape(shape)
    # New data makes a layer editable again.
    layer.editable = False
    wanted = {
        "scale": np.asarray(place["scale"]) * steps,
        "rotate": place["rotate"],
        "shear": place["shear"],
        "translate": _moved(image, place, corner),
        "affine": place["affine"],
    }
    present: dict[str, Any] = {**spatial_metadata(layer)}
    for name, value in wanted.items():
        # Each of them draws everything anew, and most frames are where the last one was.
        if not np.array_equal(present[name], value):
            setattr(layer, name, value)


def _moved(image: Image, place: Placement, corner: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the translation of a layer whose first pixel lies at an index of an image."""
    moved = linear_part(image) @ np.asarray(corner, float)
    translate: np.ndarray = place["translate"] + np.linalg.solve(place["affine"][:-1, :-1], moved)
    return translate

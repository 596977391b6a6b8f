"""Layers that show what is on its way: they come and go, and cannot be painted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.ui.layers import METADATA_KEY, layers_where, our_metadata, spatial_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fcn_crf.crf.region import Region


def add_preview(viewer: Viewer, image: Image, like: Labels | None) -> Labels:
    """Add an empty layer for what `place_region` shows; it cannot be painted on."""
    layer = Labels(
        np.zeros((1, 1), np.uint8),
        name=f"{image.name} preview",
        opacity=0.5,
        metadata={METADATA_KEY: {"kind": "preview"}},
        units=image.units[-2:],
        axis_labels=image.axis_labels[-2:],
    )
    if like is not None:
        layer.colormap = like.colormap
    viewer.add_layer(layer)
    return layer


def show_prediction_preview(viewer: Viewer, image: Image, probabilities: np.ndarray) -> None:
    """Show the last class's probability in the plane that is trained on, in one layer."""
    found = layers_where(viewer, _is_preview)
    place = spatial_metadata(image)
    picture = probabilities[-1]
    if found and found[0].data.shape == picture.shape:
        found[0].data = picture
        return
    remove_preview(viewer)
    active = viewer.layers.selection.active
    layer = Image(
        picture,
        name=f"{image.name} preview",
        colormap="viridis",
        contrast_limits=(0, 1),
        opacity=0.6,
        metadata={METADATA_KEY: {"kind": "preview"}},
        scale=place["scale"][-2:],
        translate=place["translate"][-2:],
        rotate=place["rotate"][-2:, -2:],
        shear=place["shear"][-1:],
        affine=place["affine"][-3:, -3:],
        units=image.units[-2:],
        axis_labels=image.axis_labels[-2:],
    )
    viewer.add_layer(layer)
    viewer.layers.selection.active = active


def remove_preview(viewer: Viewer) -> None:
    """Remove every preview layer."""
    for layer in layers_where(viewer, _is_preview):
        viewer.layers.remove(layer)


def _is_preview(layer: Layer) -> bool:
    return our_metadata(layer).get("kind") == "preview"


def place_region(layer: Labels, image: Image, labels: np.ndarray, region: Region) -> None:
    """Show labels of a region, sampled or not, where it lies in the image."""
    place = spatial_metadata(image)
    affine = place["affine"]
    corner = np.zeros(image.ndim)
    corner[-2:] = region.rows[0], region.columns[0]
    moved = np.subtract(image.data_to_world(corner), image.data_to_world(np.zeros(image.ndim)))
    layer.data = labels
    # New data makes a layer editable again.
    layer.editable = False
    wanted = {
        "scale": place["scale"][-2:] * region.step,
        "rotate": place["rotate"][-2:, -2:],
        # Of a stack's shear only what lies in the plane: its last element.
        "shear": place["shear"][-1:],
        "translate": (place["translate"] + np.linalg.solve(affine[:-1, :-1], moved))[-2:],
        "affine": affine[-3:, -3:],
    }
    present = spatial_metadata(layer)
    for name, value in wanted.items():
        # Each of them draws everything anew, and most frames are where the last one was.
        if not np.array_equal(present[name], value):
            setattr(layer, name, value)

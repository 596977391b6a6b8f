"""Layer of a picture that was read from a file in the file's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.ui.viewer.axes import axes_of
from napari_fcn_crf.ui.viewer.layers import spatial_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NAMES = {"c": "channel", "t": "time"}


def add_instead(viewer: Viewer, shown: Image, picture: Picture, *, turned: bool) -> Image:
    """Add a picture above the layer in which napari shows its file otherwise, which is hidden.

    Channels that are no colours of 8 bits are the first axis, beside which labels can lie.

    Parameters
    ----------
    viewer : Viewer
    shown : Image
    picture : Picture
    turned : bool
        Whether rows and columns are exchanged.
    """
    pixels = picture.channels_last()
    is_rgb = pixels.dtype == np.uint8 and picture.channels == 3
    axes = picture.spatial_axes
    if not is_rgb:
        pixels = np.moveaxis(pixels, -1, 0) if picture.channels > 1 else pixels[..., 0]
    labels = [_NAMES.get(axis, axis) for axis in axes]
    place, before = spatial_metadata(shown), axes_of(shown).replace("c", "")
    names = {"y": "x", "x": "y"} if turned else {}
    at = [before.find(names.get(axis, axis)) for axis in axes]
    scale = [1.0 if one < 0 else float(place["scale"][one]) for one in at]
    units = ["pixel" if one < 0 else str(place["units"][one]) for one in at]
    if picture.channels > 1 and not is_rgb:
        labels, scale, units = ["channel", *labels], [1.0, *scale], ["pixel", *units]
    layer = Image(
        pixels,
        name=f"{shown.name} {'upright' if turned else 'as in its file'}",
        rgb=is_rgb,
        scale=scale,
        units=units,
        axis_labels=labels,
    )
    viewer.layers.insert(viewer.layers.index(shown) + 1, layer)
    shown.visible = False
    return layer

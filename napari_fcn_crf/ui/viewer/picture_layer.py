"""Layer of a picture that was read from a file in the file's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_fcn_crf.data.ome_zarr.pyramid import Pyramid
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
    place, before = spatial_metadata(shown), axes_of(shown).replace("c", "")
    names = {"y": "x", "x": "y"} if turned else {}
    at = [before.find(names.get(axis, axis)) for axis in picture.spatial_axes]
    layer = _layer_of(
        picture,
        f"{shown.name} {'upright' if turned else 'as in its file'}",
        [1.0 if one < 0 else float(place["scale"][one]) for one in at],
        ["pixel" if one < 0 else str(place["units"][one]) for one in at],
    )
    viewer.layers.insert(viewer.layers.index(shown) + 1, layer)
    shown.visible = False
    return layer


def add_picture(viewer: Viewer, picture: Picture, name: str) -> Image:
    """Add a picture that was read from a file, one unit a pixel, as napari's own reader does."""
    count = len(picture.spatial_axes)
    layer = _layer_of(picture, name, [1.0] * count, ["pixel"] * count)
    viewer.add_layer(layer)
    return layer


def add_pyramid(viewer: Viewer, pyramid: Pyramid, name: str) -> Image:
    """Add an image of which only what is seen is read, one unit a pixel."""
    labels = ["channel", *_labels(pyramid.spatial_axes)]
    layer = Image(
        pyramid.data,
        name=name,
        multiscale=pyramid.is_multiscale,
        rgb=pyramid.is_rgb,
        axis_labels=labels if pyramid.is_channels_first else labels[1:],
    )
    viewer.add_layer(layer)
    return layer


def _layer_of(picture: Picture, name: str, scale: list[float], units: list[str]) -> Image:
    pixels, labels = picture.channels_last(), _labels(picture.spatial_axes)
    is_rgb = pixels.dtype == np.uint8 and picture.channels == 3
    if not is_rgb:
        pixels = np.moveaxis(pixels, -1, 0) if picture.channels > 1 else pixels[..., 0]
    if picture.channels > 1 and not is_rgb:
        labels, scale, units = ["channel", *labels], [1.0, *scale], ["pixel", *units]
    return Image(pixels, name=name, rgb=is_rgb, scale=scale, units=units, axis_labels=labels)


def _labels(axes: str) -> list[str]:
    return [_NAMES.get(axis, axis) for axis in axes]

"""Channels of one layer as layers of their own, on which labels can lie."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import CMYBGR, MAGENTA_GREEN

from napari_fcn_crf.data.channels import ChannelView
from napari_fcn_crf.ui.viewer.axes import (
    axes_of,
    channel_axis,
    choose_axes,
    is_transparent_last,
    layer_array,
)
from napari_fcn_crf.ui.viewer.layers import spatial_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer


def split_channels(viewer: Viewer, image: Image) -> list[Image]:
    """Replace a layer by one layer for each of its channels, in its place, and return these.

    Transparency is none of them.
    As napari's own *Split Stack*, which loses where a layer lies, with its rotation and units.
    Pixels are not copied, and not read if they are lazy.

    Raises
    ------
    ValueError
        If the layer has no axis of channels.
    """
    axis = channel_axis(image)
    if axis is None:
        raise ValueError(f"'{image.name}' has no axis of channels to split.")
    axes = axes_of(image).replace("c", "")
    count = layer_array(image).shape[axis] - is_transparent_last(image)
    colours = cycle(MAGENTA_GREEN if count == len(MAGENTA_GREEN) else CMYBGR)
    place = spatial_metadata(image)
    index = viewer.layers.index(image)
    viewer.layers.remove(image)
    made = []
    for channel, colour in zip(range(count), colours, strict=False):
        layer = Image(
            _channel(image, axis, channel),
            name=f"{image.name} {channel}",
            multiscale=image.multiscale,
            rgb=False,
            colormap=colour if count > 1 else "gray",
            blending="additive" if channel else "translucent_no_depth",
            **place,
        )
        # Named by itself or by its file, it is what it was before.
        choose_axes(layer, axes)
        viewer.layers.insert(index + channel, layer)
        made.append(layer)
    return made


def _channel(image: Image, axis: int, channel: int) -> Any:
    """Return one channel of a layer's data, or of each of its levels, as a view."""
    if image.multiscale:
        return [_view(level, axis, channel) for level in image.data]
    return _view(image.data, axis, channel)


def _view(array: Any, axis: int, channel: int) -> Any:
    index = (slice(None),) * axis + (channel,)
    if isinstance(array, np.ndarray) or hasattr(array, "__dask_graph__"):
        return array[index]
    # Others, such as zarr's, would be read at once.
    return ChannelView(array, axis, channel)

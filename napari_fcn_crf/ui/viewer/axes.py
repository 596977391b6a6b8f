"""Axes of an image layer: which are rows and columns, planes, frames, and channels."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Layer

from napari_fcn_crf.data.picture import check_axes
from napari_fcn_crf.ui.viewer.ownership import our_metadata

_CHOSEN = "napari_fcn_crf_axes"
"""Entry of a layer's metadata where a person's choice is kept, also in saved projects."""

_LETTERS = {
    "c": "c",
    "ch": "c",
    "channel": "c",
    "channels": "c",
    "t": "t",
    "time": "t",
    "frame": "t",
    "z": "z",
    "plane": "z",
    "slice": "z",
    "depth": "z",
}


def layer_array(layer: Layer) -> Any:
    """Return a layer's data at full resolution, not yet computed if it is lazy."""
    return layer.data[0] if layer.multiscale else layer.data


def axes_of(layer: Layer) -> str:
    """Return what an image layer says of its axes: `rgb`, and the names it has for them.

    The last two axes, or those before the colours, are rows and columns. Others without a name are
    planes, or frames of planes.
    """
    chosen = layer.metadata.get(_CHOSEN)
    if chosen:
        return str(chosen)
    named = [_LETTERS.get(str(label).lower(), "") for label in layer.axis_labels]
    named[-2:] = ["y", "x"]
    free = [letter for letter in "abdefghijklmnopqrsuvwtz" if letter not in named]
    for at in reversed(range(len(named) - 2)):
        if not named[at] or named[at] in named[at + 1 :]:
            named[at] = free.pop()
    return "".join(named) + ("c" if getattr(layer, "rgb", False) else "")


def choose_axes(layer: Image, axes: str) -> None:
    """Take a layer for something else than it says.

    Raises
    ------
    ValueError
        If it cannot have such axes.
    """
    check_axes(axes, tuple(layer_array(layer).shape))
    layer.metadata[_CHOSEN] = axes


def channel_axis(layer: Layer) -> int | None:
    """Return which of an image layer's own axes is channels; None if none is."""
    if not isinstance(layer, Image) or layer.rgb or our_metadata(layer):
        return None
    axes = axes_of(layer)
    return axes.index("c") if "c" in axes else None


def check_labels_can_lie_on(layer: Layer) -> None:
    """Refuse an image whose channels lie between its other axes.

    napari lays the last axes of all layers on each other: labels, which have no channels, would lie
    on the channels with their planes, and strokes go to another plane than the one on the screen.

    Raises
    ------
    ValueError
        With what to do.
    """
    channels = channel_axis(layer)
    if channels:
        raise ValueError(
            f"'{layer.name}' has its channels on axis {channels}, where napari cannot show labels "
            "beside them. Open it with one layer a channel (in napari's console: "
            f"viewer.open(path, channel_axis={channels})) and tick these as channels."
        )


def spatial_ndim(layer: Layer) -> int:
    """Return how many axes other than channels a layer has."""
    return layer.ndim - (channel_axis(layer) is not None)

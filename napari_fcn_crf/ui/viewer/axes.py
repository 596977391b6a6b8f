"""Axes of an image layer: which are rows and columns, planes, frames, and channels."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Layer

from napari_fcn_crf.data.picture import MINIMUM_SIDE_PX, check_axes
from napari_fcn_crf.data.source_file import SourceFile, source_file
from napari_fcn_crf.ui.viewer.ownership import our_metadata

_CHOSEN = "napari_fcn_crf_axes"
"""Entry of a layer's metadata where a person's choice is kept, also in saved projects."""

_TRANSPARENCY = "napari_fcn_crf_transparency"
"""Entry of a layer's metadata: whether the last of four channels is transparency."""

_WITH_ALPHA = 4

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


def source_of(layer: Layer) -> SourceFile | None:
    """Return what the file says that a layer was opened from."""
    return None if our_metadata(layer) else source_file(layer.source.path)


def axes_of(layer: Layer) -> str:
    """Return what an image layer says of its axes: `rgb`, and the names it has for them.

    Where it has none, its file says it. Without any word, the last two axes, or those before the
    colours, are rows and columns, but for a last one of fewer than 32, which is channels; others
    are planes, or frames of planes.
    """
    chosen = layer.metadata.get(_CHOSEN)
    if chosen:
        return str(chosen)
    named = [_LETTERS.get(str(label).lower(), "") for label in layer.axis_labels]
    is_rgb = bool(getattr(layer, "rgb", False))
    if not any(named) and isinstance(layer, Image):
        said = axes_in_file(layer)
        if said:
            return said
        shape = layer_array(layer).shape
        is_wide = layer.ndim > 2 and min(shape[-3:-1]) >= MINIMUM_SIDE_PX
        if not is_rgb and is_wide and shape[-1] < MINIMUM_SIDE_PX and not our_metadata(layer):
            named = [*named[:-3], "y", "x", "c"]
    if named[-1:] != ["c"]:
        named[-2:] = ["y", "x"]
    free = [letter for letter in "abdefghijklmnopqrsuvwtz" if letter not in named]
    for at in reversed(range(len(named) - 2)):
        if not named[at] or named[at] in named[at + 1 :]:
            named[at] = free.pop()
    return "".join(named) + ("c" if is_rgb else "")


def axes_in_file(layer: Layer) -> str:
    """Return the axes that a layer's file has for it; empty if it says none that fit."""
    source = source_of(layer)
    axes = "" if source is None else source.axes_of(layer_array(layer).shape)
    if getattr(layer, "rgb", False):
        return axes if axes.endswith("yxc") else ""
    # Others are shown as planes that they are not, and that is what is painted on.
    return axes if axes.replace("c", "").endswith("yx") else ""


def is_transparent_last(image: Image) -> bool:
    """Return whether the last of an image's channels is transparency, and no channel.

    Of four colours it is, unless the file or somebody says otherwise; of others only if the file
    says so.
    """
    shape = layer_array(image).shape
    source = source_of(image) if "c" in axes_of(image) else None
    told = None if source is None else source.is_alpha_last(shape)
    if not image.rgb or shape[-1] != _WITH_ALPHA:
        return told is True
    chosen = image.metadata.get(_TRANSPARENCY)
    return bool(chosen) if chosen is not None else told is not False


def choose_transparency(image: Image, is_transparent: bool) -> None:
    """Take the last of an image's four colours for transparency, or for a channel."""
    image.metadata[_TRANSPARENCY] = is_transparent


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


def must_be_split(layer: Layer) -> bool:
    """Return whether an image's channels lie where labels cannot lie beside them.

    napari lays the last axes of all layers on each other: beside channels that are not the first
    axis, labels, which have none, would lie on the channels with their planes, or with their
    columns, and strokes would go to another plane than the one on the screen.
    """
    return bool(channel_axis(layer))


def check_labels_can_lie_on(layer: Layer) -> None:
    """Refuse an image whose channels lie where labels cannot lie beside them.

    Raises
    ------
    ValueError
        With what to do.
    """
    if must_be_split(layer):
        raise ValueError(
            f"'{layer.name}' has its channels on axis {channel_axis(layer)}, where napari cannot "
            "show labels beside them. Press Split channels, which makes one layer of each."
        )


def spatial_ndim(layer: Layer) -> int:
    """Return how many axes other than channels a layer has."""
    return layer.ndim - (channel_axis(layer) is not None)

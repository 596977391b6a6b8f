"""Class axis of probabilities among napari's sliders: there only while probabilities are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer

from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer


def has_class_axis(layer: Layer) -> bool:
    """Whether a layer is a prediction of ours, whose first axis is the classes."""
    return is_ours(layer) and our_metadata(layer)["kind"] == "probabilities"


def fold_class_axis(viewer: Viewer) -> None:
    """Let napari have no slider for the classes while nothing that is visible depends on it.

    napari gives every axis of every layer one, hidden layers' as well, but for axes of one step.
    """
    dims = viewer.dims
    deepest = [layer for layer in viewer.layers if layer.ndim == dims.ndim]
    if not deepest or not all(map(has_class_axis, deepest)):
        return
    is_shown = any(layer.visible for layer in deepest)
    last = max(len(layer.data) for layer in deepest) - 1 if is_shown else 0
    if tuple(dims.range[0]) != (0, last, 1):
        dims.set_range(0, (0, last, 1))

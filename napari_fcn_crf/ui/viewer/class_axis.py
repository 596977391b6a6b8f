"""Class axis of probabilities among napari's sliders: there only while probabilities are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer

from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer


def has_class_axis(layer: Layer) -> bool:
    """Whether a layer is a prediction of ours, whose first axis is the classes."""
    return is_ours(layer) and our_metadata(layer)["kind"] == "probabilities"


def is_class_axis_shown(viewer: Viewer) -> bool:
    """Whether something that is visible depends on the class axis."""
    return any(layer.visible and has_class_axis(layer) for layer in viewer.layers)


def fold_class_axis(viewer: Viewer) -> None:
    """Let napari have no slider for the classes while nothing that is visible depends on it.

    napari gives every axis of every layer one, hidden layers' as well, but for axes of one step.
    Where an image has an axis there, as channels are, the slider is that one's alone.
    """
    dims = viewer.dims
    deepest = [layer for layer in viewer.layers if layer.ndim == dims.ndim]
    others = [layer for layer in deepest if not has_class_axis(layer)]
    if len(others) == len(deepest) or not all(map(_counts_from_zero, others)):
        return
    shown = [layer for layer in deepest if has_class_axis(layer) and layer.visible]
    last = max((len(layer_array(layer)) - 1 for layer in (*shown, *others)), default=0)
    if tuple(dims.range[0]) != (0, last, 1):
        dims.set_range(0, (0, last, 1))


def _counts_from_zero(layer: Layer) -> bool:
    return bool(np.isclose(layer.scale[0], 1) and np.isclose(layer.translate[0], 0))

"""Camera of the viewer, which napari 0.9 moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

if TYPE_CHECKING:
    from napari.viewer import Viewer


def camera_of(viewer: Viewer) -> Any:
    """Return the camera of a viewer."""
    return getattr(viewer, "scene", viewer).camera


@contextmanager
def camera_kept(viewer: Viewer) -> Iterator[None]:
    """Leave the camera where it is: with the first layer of more axes, napari shows everything."""
    camera = camera_of(viewer)
    before = camera.center, camera.zoom, camera.angles
    yield
    if (camera.center, camera.zoom, camera.angles) != before:
        camera.center, camera.zoom, camera.angles = before


def is_whole_in_view(viewer: Viewer, beyond: float = 0) -> bool:
    """Whether all layers are on the canvas, or on one that is larger by a share of itself."""
    size, _ = _displayed_extent(viewer)
    canvas = (1 + beyond) * np.asarray(_canvas_size(viewer))
    return bool((camera_of(viewer).zoom * size <= canvas).all())


def is_as_opened(viewer: Viewer) -> bool:
    """Whether all layers are in the middle of the canvas, as napari shows what is opened."""
    if not len(viewer.layers) or viewer.dims.ndisplay != 2:
        return False
    size, middle = _displayed_extent(viewer)
    off = np.abs(np.asarray(camera_of(viewer).center[-2:]) - middle)
    return bool((off <= _OFF_MIDDLE * size).all()) and is_whole_in_view(viewer, _NARROWED)


def _displayed_extent(viewer: Viewer) -> tuple[np.ndarray, np.ndarray]:
    """Return the height and width of all layers in the 2-D view, and their middle."""
    ends = viewer.layers.extent.world[:, list(viewer.dims.displayed)]
    return ends[1] - ends[0], ends.mean(axis=0)


_OFF_MIDDLE = 1e-6

_NARROWED = 0.1
"""Of the canvas: the controls of a layer that was opened may have taken it from its side since."""

_FILLED = 0.4
"""Of the canvas's shorter side: what is looked at is large, and what surrounds it is seen."""


def show_position(
    viewer: Viewer, layer: Layer, position: Sequence[int], size_px: float = 0
) -> None:
    """Move slices and camera to a pixel of a layer, whichever axes are on the screen.

    Parameters
    ----------
    viewer : Viewer
    layer : Layer
    position : sequence of int
    size_px : float
        How wide that is which is to be seen there; nobody who is nearer already is moved away.
    """
    world = layer.data_to_world(position)
    # Axes of the viewer that the layer lacks come first.
    missing = viewer.dims.ndim - layer.ndim
    displayed = viewer.dims.displayed
    for axis, coordinate in enumerate(world, missing):
        if axis not in displayed:
            viewer.dims.set_point(axis, coordinate)
    centre = [world[axis - missing] if axis >= missing else 0.0 for axis in displayed]
    camera = camera_of(viewer)
    camera.center = (0.0, *centre)[-3:]
    if size_px > 0:
        shown = [axis - missing for axis in displayed if axis >= missing]
        steps = [layer.data_to_world(step) for step in size_px * np.eye(layer.ndim)[shown]]
        origin = layer.data_to_world(np.zeros(layer.ndim))
        size = max(float(np.linalg.norm(np.subtract(step, origin))) for step in steps[-2:])
        camera.zoom = max(camera.zoom, _FILLED * min(_canvas_size(viewer)) / size)


def _canvas_size(viewer: Viewer) -> Sequence[int]:
    """Return height and width of the canvas in its pixels, which napari 0.9 moved, too."""
    either: Any = viewer
    size: Sequence[int] = either.canvas.size if hasattr(viewer, "canvas") else either._canvas_size
    return size

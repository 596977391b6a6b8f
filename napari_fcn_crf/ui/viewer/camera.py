"""Camera of the viewer, which napari 0.9 moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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


def show_position(viewer: Viewer, layer: Layer, position: Sequence[int]) -> None:
    """Move slices and camera to a pixel of a layer, whichever axes are on the screen."""
    world = layer.data_to_world(position)
    # Axes of the viewer that the layer lacks come first.
    missing = viewer.dims.ndim - layer.ndim
    displayed = viewer.dims.displayed
    for axis, coordinate in enumerate(world, missing):
        if axis not in displayed:
            viewer.dims.set_point(axis, coordinate)
    centre = [world[axis - missing] if axis >= missing else 0.0 for axis in displayed]
    camera_of(viewer).center = (0.0, *centre)[-3:]

"""Camera of the viewer, which napari 0.9 moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer


def camera_of(viewer: Viewer) -> Any:
    """Return the camera of a viewer."""
    return getattr(viewer, "scene", viewer).camera

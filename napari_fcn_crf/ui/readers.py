"""Reader of napari's File > Open for models: no layer, but the dock with the model in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari

from napari_fcn_crf.ui.actions.network_actions import open_model
from napari_fcn_crf.ui.session.session import session_of

NO_LAYER: list[tuple[None]] = [(None,)]
"""By which napari knows that a file was read and has no layers."""


def get_model_reader(path: str | list[str]) -> Callable[[Any], list[tuple[None]]] | None:
    """Return what opens a model in the dock, or None if it is none, or there is no window."""
    if isinstance(path, list) or Path(path).suffix.lower() != ".keras":
        return None
    return None if napari.current_viewer() is None else _read


def _read(path: Any) -> list[tuple[None]]:
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("A model is opened in napari's window, but there is none. Open napari.")
    # The card is read first: of what is no model of ours no dock is opened.
    open_model(session_of(viewer), Path(path))
    viewer.window.add_plugin_dock_widget("napari-fcn-crf", "Segment")
    return NO_LAYER

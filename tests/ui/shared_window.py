"""One window of napari for many tests: each finds it as it was opened, or the one before fails."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import napari
import pytest
from app_model import Application
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari._qt.threads.status_checker import StatusChecker
from napari.plugins import _initialize_plugins
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.camera import camera_of
from tests.ui.patience import PATIENCE_MS

_SIZE = (800, 600)
_MOUSE = tuple(f"mouse_{kind}_callbacks" for kind in ("drag", "move", "wheel", "double_click"))
_GO_ON = ("fcn-crf warm-up", "fcn-crf first labels")
"""Threads that load what is needed later, whoever needs it."""


class SharedWindow:
    """A window that takes half a second to open, and next to nothing to empty.

    Tests of how windows open and close have their own, with napari's `make_napari_viewer`; there is
    no other beside them.
    """

    def __init__(self) -> None:
        self._viewer: napari.Viewer | None = None
        self._as_opened: dict[str, object] = {}
        self._patches = pytest.MonkeyPatch()

    def take(self) -> napari.Viewer:
        """Return the viewer, opened if it is not."""
        get_settings().reset()
        if self._viewer is None:
            # As napari's fixture does: no thread for the status bar, and no console.
            self._patches.setattr(StatusChecker, "start", lambda *_: None)
            self._patches.setattr(QtViewer, "_get_console", lambda *_: QWidget())
            self._viewer = napari.Viewer(show=False, show_welcome_screen=False)
            _empty(self._viewer)
            self._as_opened = _state(self._viewer)
            # napari looks for what is free after each layer that goes, among all that there is.
            gc.freeze()
        return self._viewer

    def give_back(self) -> None:
        """Empty the window; what a test has left there fails it, and is gone with the window."""
        was_shown = self._viewer.window._qt_window.isVisible()
        _empty(self._viewer)
        end = time.monotonic() + PATIENCE_MS / 1000
        while _our_threads() and time.monotonic() < end:
            time.sleep(0.01)
        now = _state(self._viewer)
        left = {name: (was, now[name]) for name, was in self._as_opened.items() if now[name] != was}
        if left:
            self.close()
            pytest.fail(f"the window is not as it was opened: {left}")
        if was_shown:
            # It has a canvas that is drawn, and what hangs on that.
            self.close()

    def close(self) -> None:
        """Close the window, so that there is no second one beside a test's own."""
        if self._viewer is None:
            return
        _end_what_is_ours(self._viewer)
        self._viewer.window._qt_window._save_current_window_settings = lambda: None
        self._viewer.close()
        self._viewer = None
        self._patches.undo()
        Application.destroy("napari")
        _initialize_plugins.cache_clear()
        init_qactions.cache_clear()
        _delete_what_is_due()
        gc.collect()
        assert len(QtViewer._instances) == 0


def _end_what_is_ours(viewer: napari.Viewer) -> None:
    viewer.window.remove_dock_widget("all")
    # A panel without a dock ends at the next turn of the event loop.
    QApplication.processEvents()
    _delete_what_is_due()
    for session in viewer.window._qt_window.findChildren(Session):
        session.deleteLater()
    _delete_what_is_due()


def _empty(viewer: napari.Viewer) -> None:
    _end_what_is_ours(viewer)
    viewer.layers.clear()
    window = viewer.window._qt_window
    window.hide()
    window.resize(*_SIZE)
    viewer.theme = get_settings().appearance.theme
    dims = viewer.dims
    dims.ndisplay, dims.ndim = 2, 2
    dims.reset()
    dims.axis_labels = ("-2", "-1")
    camera_of(viewer).update({"center": (0, 0, 0), "zoom": 1, "angles": (0, 0, 90)})
    QApplication.processEvents()
    _delete_what_is_due()


def _delete_what_is_due() -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _state(viewer: napari.Viewer) -> dict[str, object]:
    """Return what is to be the same after each test."""
    camera, dims = camera_of(viewer), viewer.dims
    objects = viewer.window._qt_window.findChildren(QObject)
    return {
        "layers": list(viewer.layers),
        "dims": dims.model_dump(),
        "camera": camera.model_dump(),
        "grid": _canvas_of(viewer).grid.enabled,
        "theme": viewer.theme,
        "title": viewer.title,
        "keys": sorted(map(str, viewer.keymap)),
        "docks": sorted(one.windowTitle() for one in objects if isinstance(one, QDockWidget)),
        "mouse": [len(getattr(viewer, name)) for name in _MOUSE],
        "callbacks": sorted(_our_callbacks(viewer)),
        "objects": sorted(str(one) for one in objects if _is_ours(type(one))),
        "threads": _our_threads(),
    }


def _canvas_of(viewer: napari.Viewer) -> Any:
    """Return what has the grid: before napari 0.9, the viewer itself."""
    return getattr(viewer, "canvas", viewer)


def _is_ours(one: object) -> bool:
    return getattr(one, "__module__", "").startswith("napari_fcn_crf")


def _our_threads() -> list[str]:
    """Return threads that should have ended with a dock or its session."""
    names = [one.name for one in threading.enumerate()]
    return [name for name in names if name.startswith("fcn-crf ") and name not in _GO_ON]


def _our_callbacks(viewer: napari.Viewer) -> Iterator[str]:
    """Yield by whom events of napari's are followed that outlive a dock and its session."""
    settings = get_settings()
    for model in (
        *(viewer, viewer.layers, viewer.layers.selection, viewer.dims, camera_of(viewer)),
        *(viewer.cursor, _canvas_of(viewer), settings.appearance, settings.shortcuts),
    ):
        for name, emitter in model.events.emitters.items():
            for callback in emitter.callbacks:
                if isinstance(callback, tuple):
                    owner = callback[0]()
                    callback = type(owner) if owner is not None else None
                if _is_ours(callback):
                    yield f"{name}: {callback}"

"""The mouse on the canvas of a real viewer, in its 2-D view."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.ui.viewer.camera import camera_of


def places(viewer, pixels, layer=None) -> np.ndarray:
    """Return where pixels `(n, axes)` of a layer lie on the canvas, as rows and columns.

    Without a layer they are of an image that has no place of its own.
    """
    native, camera = viewer.window._qt_viewer.canvas.native, camera_of(viewer)
    world = np.asarray(pixels, float)
    if layer is not None:
        corner = np.array(layer.data_to_world(np.zeros(layer.ndim)))
        steps = np.array([layer.data_to_world(step) for step in np.eye(layer.ndim)]) - corner
        world = corner + world @ steps
    middle = np.array([native.height(), native.width()]) / 2
    return (world[:, -2:] - np.array(camera.center[-2:])) * camera.zoom + middle


def drag(viewer, qtbot, start, end, layer=None) -> None:
    """Drag the mouse over the canvas, from a pixel to another."""
    native = viewer.window._qt_viewer.canvas.native
    # Before anything moves: the camera follows a drag that is no stroke.
    first, last = places(viewer, [start, end], layer)
    way = [QPoint(*map(round, (first + t * (last - first))[::-1])) for t in np.linspace(0, 1, 8)]
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    _send(native, QEvent.Type.MouseMove, way[0], none, none)
    _send(native, QEvent.Type.MouseButtonPress, way[0], left, left)
    for point in way:
        _send(native, QEvent.Type.MouseMove, point, none, left)
        qtbot.wait(10)
    _send(native, QEvent.Type.MouseButtonRelease, way[-1], left, none)


def _send(native, kind, point, button, buttons) -> None:
    """Tell a widget of the mouse, and no other window: a screen has one pointer."""
    at, on_screen = QPointF(point), QPointF(native.mapToGlobal(point))
    event = QMouseEvent(kind, at, on_screen, button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(native, event)

"""The mouse on the canvas of a real viewer, in its first 2-D view of an image."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, Qt

from napari_fcn_crf.ui.viewer.camera import camera_of


def drag(viewer, qtbot, start, end) -> None:
    """Drag the mouse over the canvas, from a pixel of the image to another."""
    qt_viewer = viewer.window._qt_viewer
    native = qt_viewer.canvas.native
    camera = camera_of(viewer)
    height, width = native.height(), native.width()

    def place(pixel):
        offset = (np.array(pixel) - np.array(camera.center[-2:])) * camera.zoom
        return QPoint(round(width / 2 + offset[1]), round(height / 2 + offset[0]))

    button = Qt.MouseButton.LeftButton
    qtbot.mouseMove(native, place(start))
    qtbot.mousePress(native, button, pos=place(start))
    for part in np.linspace(0, 1, 8):
        qtbot.mouseMove(native, place(np.array(start) * (1 - part) + np.array(end) * part))
        qtbot.wait(10)
    qtbot.mouseRelease(native, button, pos=place(end))

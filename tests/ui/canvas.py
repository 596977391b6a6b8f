"""Mouse and keys on napari's canvas, and the pixels that are on it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_fcn_crf.ui.viewer.camera import camera_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

Pixel = Sequence[float]


class Canvas:
    """What a hand does on the canvas, and an eye sees there, in 2-D and unrotated."""

    def __init__(self, viewer: Viewer, qtbot: QtBot) -> None:
        self._viewer = viewer
        self._qtbot = qtbot
        self._native: QWidget = viewer.window._qt_viewer.canvas.native

    def place(self, layer: Layer, pixel: Pixel) -> tuple[float, float]:
        """Return the row and column of the canvas where a layer's pixel is.

        `pixel` names the displayed axes alone.
        """
        displayed = layer._slice_input.displayed
        position = [0.0] * layer.ndim
        for axis, coordinate in zip(displayed, pixel, strict=True):
            position[axis] = coordinate
        world = np.array(layer.data_to_world(position))
        on_screen = world[displayed]
        camera = camera_of(self._viewer)
        offset = (on_screen - np.array(camera.center[-2:])) * camera.zoom
        row, column = offset + np.array([self._native.height(), self._native.width()]) / 2
        return float(row), float(column)

    def stroke(self, layer: Layer, *pixels: Pixel) -> None:
        """Drag the mouse from pixel to pixel of a layer, the left button held down."""
        places = [self._point(layer, pixel) for pixel in pixels]
        button = Qt.MouseButton.LeftButton
        self._qtbot.mouseMove(self._native, places[0])
        self._qtbot.mousePress(self._native, button, pos=places[0])
        for start, end in pairwise(places):
            for part in np.linspace(0, 1, 8)[1:]:
                between = start + (end - start) * float(part)
                self._qtbot.mouseMove(self._native, between)
                self._qtbot.wait(5)
        self._qtbot.mouseRelease(self._native, button, pos=places[-1])
        self._qtbot.wait(20)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
        """Press a key while the canvas has the focus."""
        self._native.setFocus()
        if modifier is None:
            self._qtbot.keyClick(self._native, key)
        else:
            self._qtbot.keyClick(self._native, key, modifier)
        self._qtbot.wait(20)

    def colours(self, layer: Layer, start: Pixel, stop: Pixel) -> npt.NDArray[np.float64]:
        """Return what is on the screen over a box of a layer's pixels.

        Returns
        -------
        float64, shape (rows, columns, 3)
            Red, green and blue from 0 to 1, one for each pixel of the box.
        """
        self._qtbot.wait(50)
        screen = np.asarray(self._viewer.screenshot(flash=False))[..., :3] / 255
        rows = np.arange(start[0], stop[0])
        columns = np.arange(start[1], stop[1])
        (top, left), (bottom, right) = self.place(layer, (0, 0)), self.place(layer, (1, 1))
        scale = np.array(screen.shape[:2]) / (self._native.height(), self._native.width())
        at_row = np.round((top + rows * (bottom - top)) * scale[0]).astype(int)
        at_column = np.round((left + columns * (right - left)) * scale[1]).astype(int)
        return screen[np.ix_(at_row, at_column)]

    def _point(self, layer: Layer, pixel: Pixel) -> QPoint:
        row, column = self.place(layer, pixel)
        return QPoint(round(column), round(row))

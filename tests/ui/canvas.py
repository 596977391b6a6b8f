"""The canvas as a person has it: strokes of the mouse, and the colours of the pixels."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, Qt
from scipy.ndimage import binary_erosion

from napari_fcn_crf.ui.viewer.camera import camera_of


def places(viewer, layer, pixels):
    """Return where pixels `(n, axes)` of a layer lie on the canvas, as rows and columns."""
    native, camera = viewer.window._qt_viewer.canvas.native, camera_of(viewer)
    pixels = np.asarray(pixels, float)
    corner = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    steps = np.array([layer.data_to_world(step) for step in np.eye(layer.ndim)]) - corner
    world = (corner + pixels @ steps)[:, -2:]
    middle = np.array([native.height(), native.width()]) / 2
    return (world - np.array(camera.center[-2:])) * camera.zoom + middle


def stroke(viewer, qtbot, layer, start, end):
    """Drag the mouse over the canvas, from a pixel of a layer to another."""
    native = viewer.window._qt_viewer.canvas.native
    # Before anything moves: the camera follows a drag that is no stroke.
    first, last = places(viewer, layer, [start, end])
    way = [QPoint(*map(round, (first + t * (last - first))[::-1])) for t in np.linspace(0, 1, 8)]
    button = Qt.MouseButton.LeftButton
    qtbot.mouseMove(native, way[0])
    qtbot.mousePress(native, button, pos=way[0])
    for point in way:
        qtbot.mouseMove(native, point)
        qtbot.wait(10)
    qtbot.mouseRelease(native, button, pos=way[-1])


class Seen:
    """What is seen of an image's plane: a colour `(red, green, blue)`, 0 to 1, a pixel.

    Pixels that lie beyond the canvas are NaN.
    """

    def __init__(self, viewer, image, plane=()):
        rows, columns = image.data.shape[len(plane) : len(plane) + 2]
        grid = np.mgrid[:rows, :columns].reshape(2, -1).T
        pixels = [(*plane, *pixel) for pixel in grid]
        canvas = viewer.screenshot(flash=False)[..., :3] / 255
        at = np.round(places(viewer, image, pixels) - 0.5).astype(int)
        inside = ((at >= 0) & (at < canvas.shape[:2])).all(axis=1)
        self.colours = np.full((len(pixels), 3), np.nan)
        self.colours[inside] = canvas[tuple(at[inside].T)]
        self.colours = self.colours.reshape(rows, columns, 3)


def inner(region, pixels=2):
    """Return a region without its border, where neighbours may be seen."""
    return binary_erosion(region, iterations=pixels)

"""The canvas as a person sees it: the colours of its pixels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion

from tests.ui.mouse import places


class Seen:
    """What is seen of an image's plane: a colour `(red, green, blue)`, 0 to 1, a pixel.

    Pixels that lie beyond the canvas are NaN.
    """

    def __init__(self, viewer, image, plane=()):
        rows, columns = image.data.shape[len(plane) : len(plane) + 2]
        grid = np.mgrid[:rows, :columns].reshape(2, -1).T
        pixels = [(*plane, *pixel) for pixel in grid]
        canvas = viewer.screenshot(flash=False)[..., :3] / 255
        at = np.round(places(viewer, pixels, image) - 0.5).astype(int)
        inside = ((at >= 0) & (at < canvas.shape[:2])).all(axis=1)
        self.colours = np.full((len(pixels), 3), np.nan)
        self.colours[inside] = canvas[tuple(at[inside].T)]
        self.colours = self.colours.reshape(rows, columns, 3)


def inner(region, pixels=2):
    """Return a region without its border, where neighbours may be seen."""
    return binary_erosion(region, iterations=pixels)

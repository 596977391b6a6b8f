"""The eight turns and flips by which cameras say how a picture stands upright."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_fcn_crf.data.reading.raster import Raster

HOW = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "turned by 180 degrees and mirrored",
    5: "turned by 90 degrees and mirrored",
    6: "turned by 90 degrees",
    7: "turned by 90 degrees and mirrored",
    8: "turned by 90 degrees",
}
"""By its number in EXIF."""

SWAPPED = (5, 6, 7, 8)
"""Those that make rows columns."""


def upright(raster: Raster) -> Raster:
    """Return a picture as its camera says that it stands upright."""
    if raster.orientation == 1:
        return raster
    rows, columns = raster.axes.index("y"), raster.axes.index("x")
    array = raster.array
    if raster.orientation in SWAPPED:
        array = np.swapaxes(array, rows, columns)
    if raster.orientation in (3, 4, 7, 8):
        array = np.flip(array, rows)
    if raster.orientation in (2, 3, 6, 7):
        array = np.flip(array, columns)
    spacing = dict(raster.spacing)
    if raster.orientation in SWAPPED:
        swapped = {"y": "x", "x": "y"}
        spacing = {swapped.get(axis, axis): size for axis, size in spacing.items()}
    return replace(raster, array=np.ascontiguousarray(array), orientation=1, spacing=spacing)

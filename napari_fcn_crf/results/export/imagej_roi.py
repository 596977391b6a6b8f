"""ImageJ ROIs: outlines of objects for the ROI Manager, a zip file of them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.outlines import Outlined, outlines_of
from napari_fcn_crf.results.export.result import Result

if TYPE_CHECKING:
    from roifile import ImagejRoi

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
"""Of java.awt.geom.PathIterator, in which ImageJ keeps what has holes or pieces."""

_NO_FILE_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def write(result: Result, path: Path) -> None:
    """Write one ROI an object, named after its class and number, in the colour of its class."""
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        taken: set[str] = set()
        for outlined in outlines_of(result):
            roi = _roi(result, outlined)
            name, again = roi.name, 1
            while name in taken:
                again += 1
                name = f"{roi.name}-{again}"
            taken.add(name)
            roi.name = name
            archive.writestr(f"{name}.roi", roi.tobytes())


def _roi(result: Result, outlined: Outlined) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    value: int | None = outlined.value
    if result.meaning == "objects":
        value = next(iter(result.classes.values), None)
    named = "object" if value is None else result.classes.name_of(value)
    name = f"{_NO_FILE_NAME.sub('_', named)}-{outlined.number}"
    colour = None if value is None else result.classes.colour_of(value)
    rings = [ring for polygon in outlined.polygons for ring in polygon]
    corners = np.concatenate(rings)
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(corners, name=name)
        roi.roitype = ROI_TYPE.TRACED
    else:
        parts = []
        for ring in rings:
            segments = np.full((len(ring), 3), _LINE, np.float32)
            segments[0, 0] = _MOVE
            segments[:, 1:] = ring
            parts += [segments.ravel(), np.array([_CLOSE], np.float32)]
        path = np.concatenate(parts)
        roi = ImagejRoi(roitype=ROI_TYPE.RECT, name=name)
        roi.shape_roi_size, roi.multi_coordinates = len(path), path
    roi.left, roi.top = map(int, corners.min(axis=0))
    roi.right, roi.bottom = map(int, corners.max(axis=0))
    if colour is not None:
        roi.stroke_color = bytes([255, *colour])
    at = dict(zip(result.picture.spatial_axes, outlined.index, strict=False))
    if len(at) == 1:
        # Of a plain stack, as ImageJ opens one.
        (roi.position,) = (place + 1 for place in at.values())
    else:
        roi.z_position, roi.t_position = (at[one] + 1 if one in at else 0 for one in "zt")
    return roi


EXPORT = Export(
    name="imagej-roi",
    title="Outlines for ImageJ (ROI zip)",
    tip="One ROI an object, named after its class; drop the file on Fiji.",
    suffixes=(".zip",),
    takes=LABELS,
    write=write,
)

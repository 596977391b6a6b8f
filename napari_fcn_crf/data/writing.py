"""Writing arrays as TIFF files that keep their axes and the size of their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.reading.tiff_spacing import PIXEL_SIZE

_CENTIMETERS_PER_METER = 100.0


def write_tiff(
    path: str | Path, array: npt.NDArray[Any], metadata: Mapping[str, Any], of: Picture | None
) -> None:
    """Write an array as a TIFF file.

    Parameters
    ----------
    path : path
    array : array
        With the axes of the picture, or with that of classes in front.
    metadata : mapping
        What else is noted in the file.
    of : Picture, optional
        What the array was made of, which says its axes and the size of its pixels: of rows and
        columns in TIFF's resolution, of all of them in the metadata, in metres and seconds.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    import tifffile

    noted = dict(metadata)
    resolution: tuple[float, float] | None = None
    if of is not None:
        axes = "c" * (array.ndim - len(of.spatial_axes)) + of.spatial_axes
        if len(axes) == array.ndim and not of.guessed:
            noted["axes"] = axes.upper()
        sizes = {
            axis: (size, unit)
            for axis, size, unit in zip(
                of.spatial_axes, of.place.spacing, of.place.units, strict=True
            )
            if unit in ("meter", "second")
        }
        if sizes:
            noted[PIXEL_SIZE] = sizes
        if all(sizes.get(axis, (0.0, ""))[1] == "meter" for axis in "yx"):
            resolution = (
                1 / (_CENTIMETERS_PER_METER * sizes["x"][0]),
                1 / (_CENTIMETERS_PER_METER * sizes["y"][0]),
            )
    with atomic_path(path) as temporary:
        # Said outright, or three planes would be taken for red, green and blue.
        tifffile.imwrite(
            temporary,
            array,
            photometric="minisblack",
            compression="zlib",
            metadata=noted,
            resolution=resolution,
            resolutionunit=None if resolution is None else "CENTIMETER",
        )

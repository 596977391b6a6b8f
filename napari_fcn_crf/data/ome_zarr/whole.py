"""Writing whole arrays as OME-Zarr images: labels, and probabilities with a channel a class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.labels import (
    Version,
    build_pyramid,
    create_labels,
    level_shapes,
    multiscale,
    storage,
    write_region,
)
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.unfinished import Unfinished


def write_whole_labels(
    path: Path, picture: Picture, classes: LabelClasses, version: Version = "0.4"
) -> None:
    """Write labels with their classes' names and colours; what has that name is replaced.

    Parameters
    ----------
    path : Path
    picture : Picture
        Of integers, without channels.
    classes : LabelClasses
    version : {"0.4", "0.5"}
    """
    labels = np.asarray(picture.array)

    def create(temporary: Path) -> None:
        create_labels(temporary, picture, labels.dtype, classes, _name(path), version)
        write_region(temporary, (...,), labels)
        build_pyramid(temporary, picture.spatial_shape)

    _write(path, create)


def write_whole_probabilities(
    path: Path, picture: Picture, classes: LabelClasses, version: Version = "0.4"
) -> None:
    """Write probabilities, a channel a class that has its name and colour.

    Parameters
    ----------
    path : Path
    picture : Picture
        Of float32, shape `(n_classes, *spatial)`.
    classes : LabelClasses
        One for each.
    version : {"0.4", "0.5"}
    """
    # Time, channel, space is the order that the format asks for.
    at = 1 if picture.spatial_axes.startswith("t") else 0
    values = np.moveaxis(np.asarray(picture.array), 0, at)
    shapes = level_shapes(picture.spatial_shape)
    said = multiscale(picture, len(shapes), _name(path))
    said["axes"].insert(at, {"name": "c", "type": "channel"})
    for dataset in said["datasets"]:
        for transform in dataset["coordinateTransformations"]:
            neutral = 1.0 if transform["type"] == "scale" else 0.0
            transform[transform["type"]].insert(at, neutral)
    zarr_format: Literal[2, 3] = 2 if version == "0.4" else 3
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    channels: list[dict[str, Any]] = []
    for value in classes.values:
        red, green, blue = classes.colour_of(value) or (255, 255, 255)
        channels.append(
            {
                "label": classes.name_of(value),
                "color": f"{red:02X}{green:02X}{blue:02X}",
                "window": window,
                "active": True,
            }
        )
    omero = {"channels": channels}
    attributes: dict[str, Any]
    if version == "0.4":
        attributes = {
            "multiscales": [{"version": version, **said}],
            "omero": {"version": version, **omero},
        }
    else:
        attributes = {"ome": {"version": version, "multiscales": [said], "omero": omero}}
    axes = "".join(axis["name"] for axis in said["axes"])

    def create(temporary: Path) -> None:
        import zarr

        group = zarr.create_group(str(temporary), zarr_format=zarr_format, attributes=attributes)
        level = values
        for number in range(len(shapes)):
            if number:
                level = level[..., ::2, ::2]
            planes = (1,) * (level.ndim - 2)
            array = group.create_array(
                str(number),
                shape=level.shape,
                dtype=level.dtype,
                chunks=(*planes, *(min(side, CHUNK_PX) for side in level.shape[-2:])),
                fill_value=0,
                **storage(zarr_format, axes),
            )
            array[...] = level

    _write(path, create)


def _write(path: Path, create: Callable[[Path], None]) -> None:
    unfinished = Unfinished(path, ".zarr")
    # What was left of an earlier one may be of other labels.
    unfinished.discard()
    try:
        unfinished.begin({}, create)
        unfinished.finish()
    except BaseException:
        unfinished.discard()
        raise


def _name(path: Path) -> str:
    return path.name.removesuffix(".zarr").removesuffix(".ome")

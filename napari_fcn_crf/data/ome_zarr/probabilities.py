"""Probabilities as an OME-Zarr image with a channel a class, filled block by block."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.labels import Version, level_shapes, multiscale, storage
from napari_fcn_crf.data.picture import Picture


def class_axis(picture: Picture) -> int:
    """Return which axis the classes are: time, channel, space is the order of the format."""
    return 1 if picture.spatial_axes.startswith("t") else 0


def create_probabilities(
    path: Path, picture: Picture, classes: LabelClasses, name: str, version: Version = "0.4"
) -> None:
    """Make an OME-Zarr image of probabilities, all of which are 0 still.

    Parameters
    ----------
    path : Path
    picture : Picture
        What they are of, or they themselves: axes but for channels, size and place are theirs.
    classes : LabelClasses
        Whose names and colours the channels have.
    name : str
    version : {"0.4", "0.5"}
    """
    import zarr

    at, shapes = class_axis(picture), level_shapes(picture.spatial_shape)
    said = multiscale(picture, len(shapes), name)
    said["axes"].insert(at, {"name": "c", "type": "channel"})
    for dataset in said["datasets"]:
        for transform in dataset["coordinateTransformations"]:
            neutral = 1.0 if transform["type"] == "scale" else 0.0
            transform[transform["type"]].insert(at, neutral)
    zarr_format: Literal[2, 3] = 2 if version == "0.4" else 3
    group = zarr.create_group(
        str(path), zarr_format=zarr_format, attributes=_attributes(said, classes, version)
    )
    axes = "".join(axis["name"] for axis in said["axes"])
    for number, spatial in enumerate(shapes):
        shape = (*spatial[:at], len(classes.values), *spatial[at:])
        group.create_array(
            str(number),
            shape=shape,
            dtype=np.dtype(np.float32),
            chunks=(*(1,) * (len(shape) - 2), *(min(side, CHUNK_PX) for side in shape[-2:])),
            fill_value=0,
            **storage(zarr_format, axes),
        )


def _attributes(said: dict[str, Any], classes: LabelClasses, version: Version) -> dict[str, Any]:
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
    if version == "0.4":
        return {
            "multiscales": [{"version": version, **said}],
            "omero": {"version": version, **omero},
        }
    return {"ome": {"version": version, "multiscales": [said], "omero": omero}}

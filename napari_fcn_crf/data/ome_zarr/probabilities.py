"""Probabilities as an OME-Zarr image with a channel a class, filled block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.labels import Version, level_shapes, multiscale, storage
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_OWN, _VALUES = "napari-fcn-crf", "class_values"
"""Entry of ours, and in it the label value of each class, which the format has no place for."""


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
    own = {_OWN: {_VALUES: list(classes.values)}}
    if version == "0.4":
        return {
            "multiscales": [{"version": version, **said}],
            "omero": {"version": version, **omero},
            **own,
        }
    return {"ome": {"version": version, "multiscales": [said], "omero": omero}, **own}


@dataclass(frozen=True)
class StoredProbabilities:
    """Probabilities on the disk, of which what is asked for is read.

    Parameters
    ----------
    array : array, shape `(n_classes, *spatial)`
    class_values : tuple of int
        Label value of each class; 0, 1, 2 ... if nobody says.
    """

    array: Any
    class_values: tuple[int, ...]


def open_probabilities(path: Path) -> StoredProbabilities:
    """Return the probabilities of an OME-Zarr image, or of a zarr array with the classes first.

    Raises
    ------
    ValueError
        If they cannot be read; the message names the image.
    """
    import dask.array as da
    import zarr

    picture = read_ome_zarr(path)
    values: Any = None
    if picture.guessed:  # an array, of which nobody says what its axes are
        array: Any = picture.array
    elif "c" not in picture.axes:
        raise InputError(
            f"Expected probabilities with a channel a class, but {quoted(path.name)} has none "
            f"({picture.describe()}). Choose what `predict` wrote."
        )
    else:
        array, at = picture.array, picture.axes.index("c")
        if at:
            from_array: Any = da.from_array
            array = da.moveaxis(from_array(array, chunks=array.chunks), at, 0)
        own: Any = zarr.open(str(path), mode="r").attrs.get(_OWN)
        values = own.get(_VALUES) if isinstance(own, dict) else None
    count = int(array.shape[0])
    is_sane = isinstance(values, list) and [type(one) for one in values] == [int] * count
    return StoredProbabilities(array, tuple(values) if is_sane else tuple(range(count)))

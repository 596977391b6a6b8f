"""Writing labels as an OME-Zarr image: block by block, then its pyramid, then its name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.reading import is_zarr, labels_folder, own_words
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

Version = Literal["0.4", "0.5"]

_SMALLEST_LEVEL_PX = CHUNK_PX
_MICROMETERS = 1e6


def create_labels(
    path: Path,
    picture: Picture,
    dtype: npt.DTypeLike,
    classes: LabelClasses,
    name: str,
    version: Version = "0.4",
    source: str = "",
) -> None:
    """Make an OME-Zarr image of labels, all of which are 0 still.

    Parameters
    ----------
    path : Path
    picture : Picture
        What is segmented: its axes but for channels, its size and its place are those of the
        labels.
    dtype : dtype
        Of integers.
    classes : LabelClasses
    name : str
    version : {"0.4", "0.5"}
    source : str
        Where the image is from there, if it is known.
    """
    import zarr

    shapes = level_shapes(picture.spatial_shape)
    said = multiscale(picture, len(shapes), name), _image_label(classes, source)
    zarr_format: Literal[2, 3] = 2 if version == "0.4" else 3
    group = zarr.create_group(
        str(path), zarr_format=zarr_format, attributes=_attributes(*said, version)
    )
    for level, shape in enumerate(shapes):
        group.create_array(
            str(level),
            shape=shape,
            dtype=np.dtype(dtype),
            chunks=(*(1,) * (len(shape) - 2), *(min(side, CHUNK_PX) for side in shape[-2:])),
            fill_value=0,
            **storage(zarr_format, picture.spatial_axes),
        )


def version_for(image: Path) -> Version:
    """Return the version that an image's own labels must have.

    Raises
    ------
    ValueError
        If it is no group, in which labels could be.
    """
    import zarr

    node = zarr.open(str(image), mode="r")
    if isinstance(node, zarr.Array):
        raise InputError(
            f"{quoted(image.name)} is a zarr array, which cannot have labels inside of it. Leave "
            "out --into-images."
        )
    return "0.4" if node.metadata.zarr_format == 2 else "0.5"


def list_labels(image: Path, name: str) -> None:
    """Name labels in the list that an image has of them; without a name, just see to the list."""
    import zarr

    version, folder = version_for(image), labels_folder(image)
    if not is_zarr(folder):
        zarr.create_group(str(folder), zarr_format=2 if version == "0.4" else 3)
    if not name:
        return
    group = zarr.open_group(str(folder), mode="r+")
    said = own_words(group)
    names = list(dict.fromkeys([*said.get("labels", []), name]))
    if version == "0.4":
        group.attrs["labels"] = names
    else:
        group.attrs["ome"] = {**said, "version": version, "labels": names}


def write_region(path: Path, key: tuple[Any, ...], values: npt.NDArray[Any]) -> None:
    """Write a region of the full size, whose borders are at multiples of `CHUNK_PX`."""
    import zarr

    array = zarr.open_array(str(path / "0"), mode="r+")
    array[key] = values


def open_full_size(path: Path, *, writable: bool = False) -> Any:
    """Return the array of the full size, of which what is asked for is read, or written."""
    import zarr

    return zarr.open_array(str(path / "0"), mode="r+" if writable else "r")


def build_pyramid(path: Path, spatial_shape: Sequence[int]) -> None:
    """Make the smaller levels out of the stored full size, each pixel one of the level before."""
    import zarr

    shapes = level_shapes(spatial_shape)
    for level, shape in enumerate(shapes[1:], start=1):
        source = zarr.open_array(str(path / str(level - 1)), mode="r")
        target = zarr.open_array(str(path / str(level)), mode="r+")
        rows, columns = (range(0, side, CHUNK_PX) for side in shape[-2:])
        for index in planes(shape):
            plane: tuple[Any, ...] = index
            for row, column in itertools.product(rows, columns):
                double = slice(2 * row, 2 * (row + CHUNK_PX))
                across = slice(2 * column, 2 * (column + CHUNK_PX))
                smaller = np.asarray(source[(*plane, double, across)])[::2, ::2]
                place = slice(row, row + CHUNK_PX), slice(column, column + CHUNK_PX)
                target[(*plane, *place)] = smaller


def level_shapes(spatial_shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the shapes of all levels; rows and columns are halved until they fit one chunk."""
    shapes = [tuple(spatial_shape)]
    while max(shapes[-1][-2:]) > _SMALLEST_LEVEL_PX:
        *planes, rows, columns = shapes[-1]
        shapes.append((*planes, -(-rows // 2), -(-columns // 2)))
    return shapes


def multiscale(picture: Picture, levels: int, name: str) -> dict[str, Any]:
    """Return what an image says of its levels, its axes but for channels, and its place."""
    axes, factors = [], []
    for letter, unit in zip(picture.spatial_axes, picture.place.units, strict=True):
        axis = {"name": letter, "type": "time" if letter == "t" else "space"}
        in_micrometers = unit == "meter"
        factors.append(_MICROMETERS if in_micrometers else 1.0)
        if unit not in ("", "pixel"):
            axis["unit"] = "micrometer" if in_micrometers else unit
        axes.append(axis)
    steps = np.array(picture.place.spacing) * factors
    offset = picture.place.matrix[:-1, -1] * factors
    datasets = []
    for level in range(levels):
        zoom = np.ones(len(steps))
        zoom[-2:] = 2**level
        transforms: list[dict[str, Any]] = [{"type": "scale", "scale": _rounded(steps * zoom)}]
        if offset.any():
            transforms.append({"type": "translation", "translation": _rounded(offset)})
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    return {"name": name, "axes": axes, "datasets": datasets, "type": "nearest"}


def _image_label(classes: LabelClasses, source: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if classes.values:
        said["properties"] = [
            {"label-value": value, "class": name}
            for value, name in zip(classes.values, classes.names, strict=True)
        ]
    if source:
        said["source"] = {"image": source}
    if classes.colours:
        said["colors"] = [
            {"label-value": value, "rgba": [round(255 * part) for part in colour]}
            for value, colour in zip(classes.values, classes.colours, strict=True)
        ]
    return said


def _attributes(
    multiscale: Mapping[str, Any], image_label: Mapping[str, Any], version: Version
) -> dict[str, Any]:
    if version == "0.4":
        return {
            "multiscales": [{"version": version, **multiscale}],
            "image-label": {"version": version, **image_label},
        }
    return {
        "ome": {"version": version, "multiscales": [multiscale], "image-label": dict(image_label)}
    }


def storage(zarr_format: Literal[2, 3], axes: str) -> dict[str, Any]:
    """Return how arrays are stored: as every reader knows it, and the same bytes each time."""
    if zarr_format == 2:
        from numcodecs import Zlib

        keys = {"name": "v2", "separator": "/"}
        return {"compressors": Zlib(level=1), "chunk_key_encoding": keys}
    from zarr.codecs import GzipCodec

    return {"compressors": GzipCodec(level=1), "dimension_names": list(axes)}


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    # Of a size in metres times a million, the last digits are no news.
    return [float(f"{value:.12g}") for value in values]

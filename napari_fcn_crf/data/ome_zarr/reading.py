"""Reading OME-Zarr images of the versions 0.4 and 0.5, and plain zarr arrays, lazily."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.data.reading.raster import DECODING
from napari_fcn_crf.data.reading.tiff_spacing import named_size
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

VERSIONS = ("0.4", "0.5")

_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_LETTERS = {"time": "t", "channel": "c", "space": ""}


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a zarr array or group."""
    return path.is_dir() and any((path / name).is_file() for name in _MARKS)


def read_ome_zarr(path: Path, axes: str | None = None) -> Picture:
    """Return the image of an OME-Zarr group at full size, or that of a zarr array.

    Nothing but its description is read before its pixels are asked for.

    Parameters
    ----------
    path : Path
    axes : str, optional
        One letter an axis, such as "zcyx"; it overrules the file.

    Raises
    ------
    ValueError
        If it cannot be read; the message names it.
    """
    name = quoted(path.name)
    if not is_zarr(path):
        raise InputError(f"Expected an OME-Zarr image, but {quoted(str(path), 120)} is none.")
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            picture = Picture(node, as_picture(node).axes, path.name, guessed=True)
            return picture if axes is None else picture.with_axes(axes)
        said = _checked(path, _own_words(node))
        scales = said["multiscales"][0]
        dataset = scales["datasets"][0]
        letters = "".join(map(_letter, scales["axes"]))
        array = node[dataset["path"]]
        place = _place(scales, dataset, letters)
        picture = Picture(array, letters, path.name, place)
    except InputError:
        raise
    except DECODING as error:
        raise InputError(
            f"Expected an OME-Zarr image, but {name} cannot be read as one. It may be damaged "
            f"({quoted(f'{type(error).__name__}: {error}', 120)})."
        ) from error
    return picture if axes is None else picture.with_axes(axes)


def _checked(path: Path, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a group says of itself, if it is an image of a version that is read.

    Raises
    ------
    ValueError
        If it is no image, or of a version that is not read.
    """
    name = quoted(path.name)
    scales = said.get("multiscales")
    if not scales:
        kind = "a plate" if "plate" in said else "a group without an image"
        raise InputError(
            f"Expected an OME-Zarr image, but {name} is {kind}. Give one of the images inside it."
        )
    version = str(said.get("version", scales[0].get("version", "unknown")))
    if version not in VERSIONS:
        raise InputError(
            f"{name} is OME-Zarr of the version {quoted(version)}, but only "
            f"{' and '.join(VERSIONS)} are read. Convert it first."
        )
    return said


def _own_words(node: Any) -> dict[str, Any]:
    """Return what a group says of itself, wherever its version keeps that."""
    said: dict[str, Any] = dict(node.attrs)
    own: dict[str, Any] = said.get("ome", said)
    return own


def _letter(axis: Mapping[str, Any]) -> str:
    known = _LETTERS.get(str(axis.get("type")), "")
    return known or str(axis["name"]).lower()


def _place(scales: Mapping[str, Any], dataset: Mapping[str, Any], letters: str) -> Place:
    steps, offset = np.ones(len(letters)), np.zeros(len(letters))
    # What is said of one level comes first, then what is said of all.
    for one in (
        *dataset.get("coordinateTransformations", ()),
        *(scales.get("coordinateTransformations") or ()),
    ):
        if one["type"] == "scale":
            steps, offset = steps * one["scale"], offset * one["scale"]
        elif one["type"] == "translation":
            offset = offset + one["translation"]
    spatial = [at for at, letter in enumerate(letters) if letter != "c"]
    matrix, units = np.eye(len(spatial) + 1), []
    for row, at in enumerate(spatial):
        unit = str(scales["axes"][at].get("unit") or "")
        found = named_size(1.0, unit, letters[at])
        factor, unit = found if found is not None else (1.0, "pixel")
        is_sane = math.isfinite(steps[at]) and steps[at] > 0
        matrix[row, row] = factor * steps[at] if is_sane else 1.0
        matrix[row, -1] = factor * offset[at] if is_sane else 0.0
        units.append(unit if is_sane else "pixel")
    return Place(matrix, tuple(units))


def images_inside(path: Path) -> dict[str, Path]:
    """Return the images of a zarr folder by what is to be added to its name: of a plate, all.

    A plate's are called after row, column and field, such as "_A_1_0"; those of a folder that
    `bioformats2raw` wrote after their number. What is neither is one image, and adds nothing.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
        said = _own_words(node)
        if "multiscales" in said or not ("plate" in said or "bioformats2raw.layout" in said):
            return {"": path}
        if "plate" not in said:
            series = said.get("series") or sorted(
                (one.name for one in path.iterdir() if one.name.isdecimal() and is_zarr(one)),
                key=int,
            )
            return {f"_{name}": path / name for name in series}
        found = {}
        for well in said["plate"]["wells"]:
            inside = _own_words(zarr.open(str(path / well["path"]), mode="r"))
            for field in inside["well"]["images"]:
                at = f"{well['path']}/{field['path']}"
                found[f"_{at.replace('/', '_')}"] = path / at
    except DECODING as error:
        raise InputError(
            f"{quoted(path.name)} cannot be read as a zarr folder. It may be damaged "
            f"({quoted(f'{type(error).__name__}: {error}', 120)})."
        ) from error
    return found

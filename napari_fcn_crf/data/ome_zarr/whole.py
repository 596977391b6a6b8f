"""Writing whole arrays as OME-Zarr images: labels, and probabilities with a channel a class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.labels import (
    Version,
    build_pyramid,
    create_labels,
    write_region,
)
from napari_fcn_crf.data.ome_zarr.probabilities import class_axis, create_probabilities
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
    values = np.moveaxis(np.asarray(picture.array), 0, class_axis(picture))

    def create(temporary: Path) -> None:
        create_probabilities(temporary, picture, classes, _name(path), version)
        write_region(temporary, (...,), values)
        build_pyramid(temporary, values.shape)

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

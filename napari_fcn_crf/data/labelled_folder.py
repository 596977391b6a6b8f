"""Images and their labels in a folder, matched by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.file_names import (
    IMAGE_SUFFIXES,
    IMAGES,
    LABEL_SUFFIXES,
    LABELS,
    files_in,
    folders_in,
    image_name,
    labelled_name,
)
from napari_fcn_crf.data.image_files import is_result, read_label_picture, read_picture
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.data.reading.orientation import SWAPPED
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted


@dataclass(frozen=True)
class PairFiles:
    """An image file and the file with its labels."""

    image: Path
    labels: Path

    def read(
        self, axes: str | None = None, *, exif: bool = False
    ) -> tuple[Picture, npt.NDArray[np.integer]]:
        """Return image and labels, these in the order of the image's axes where both are known.

        Parameters
        ----------
        axes, exif
            Of the image, as for `read_picture`; labels are turned, too.

        Raises
        ------
        ValueError
            If one of them cannot be read, or one is turned and the other is not; the message names
            the file.
        """
        picture = read_picture(self.image, axes, exif=exif)
        labels = read_label_picture(self.labels, exif=exif)
        _check_turned_alike(picture, labels, exif)
        array = _in_order_of(picture, labels)
        return as_picture(picture, spatial_shape=array.shape), array


def find_pairs(folder: str | Path) -> list[PairFiles]:
    """Return the images of a folder that have labels, in the order of their names.

    The labels of `cell.tif` are `cell_labels.tif` (or `_mask`, `_annotation`, `_scribbles`, `_seg`,
    cellpose's `_cp_masks`) beside it, or `cell.tif` in a folder `labels` (or `masks`, ...) there.
    The images may be in a folder `images`. Images without labels, results of this package and what
    operating systems leave behind are left out.

    Raises
    ------
    ValueError
        If there is no pair, or an image has two label files.
    """
    folder = Path(folder)
    shown = quoted(str(folder), 100)
    if not folder.is_dir():
        raise InputError(f"Expected a folder with images and labels, but {shown} is none.")
    images = next(iter(folders_in(folder, IMAGES)), folder)
    files = [path for path in files_in(images, IMAGE_SUFFIXES) if not is_result(path)]
    names = {image_name(path) for path in files}
    labels: dict[str, Path] = {}
    for name, path in _label_files(folder, images, names):
        if labels.get(name, path) != path:
            raise InputError(
                f"Each image needs one label file, but {quoted(name, 40)} has two, "
                f"{quoted(labels[name].name)} and {quoted(path.name)}. Move one of them elsewhere."
            )
        labels[name] = path
    pairs = [
        PairFiles(path, labels[image_name(path)])
        for path in files
        if image_name(path) in labels and path not in labels.values()
    ]
    if not pairs:
        raise InputError(
            f"Expected images and labels of the same name in {shown}, e.g. cell.tif and "
            "cell_labels.tif, or images/cell.tif and labels/cell.tif, but there are none. Rename "
            "them, or choose another folder."
        )
    return pairs


def _label_files(folder: Path, images: Path, names: set[str]) -> Iterator[tuple[str, Path]]:
    """Iterate over the label files and the names of their images."""
    for inside in dict.fromkeys((images, folder, *folders_in(folder, LABELS))):
        is_of_labels = inside not in (images, folder)
        for path in files_in(inside, LABEL_SUFFIXES):
            if is_of_labels and image_name(path) in names:
                yield image_name(path), path
            elif labelled_name(path) in names:
                yield labelled_name(path), path


def _check_turned_alike(picture: Picture, labels: Picture, exif: bool) -> None:
    rows, columns = _rows_and_columns(picture)
    if rows == columns or (columns, rows) != _rows_and_columns(labels):
        return
    if picture.orientation in SWAPPED or labels.orientation in SWAPPED:
        turned, other = (picture, labels) if picture.orientation in SWAPPED else (labels, picture)
        raise InputError(
            f"{quoted(turned.name, 40)} is stored turned by 90 degrees (EXIF orientation "
            f"{turned.orientation}), and {quoted(other.name, 40)} was drawn on the upright one: "
            f"{rows} x {columns} against {columns} x {rows}. Apply EXIF (--exif) to turn it."
        )
    if exif:
        raise InputError(
            f"{quoted(picture.name, 40)} is {rows} x {columns}, turned by EXIF, but its labels are "
            f"{columns} x {rows}: they were drawn on it as it is stored. Leave out --exif."
        )


def _rows_and_columns(picture: Picture) -> tuple[int, int]:
    sizes = dict(zip(picture.axes, picture.array.shape, strict=True))
    return int(sizes["y"]), int(sizes["x"])


def _in_order_of(picture: Picture, labels: Picture) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = labels.array
    spatial = picture.spatial_axes
    if labels.guessed or picture.guessed or sorted(labels.axes) != sorted(spatial):
        return array
    return np.transpose(array, [labels.axes.index(axis) for axis in spatial])

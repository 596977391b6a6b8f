"""Images and their labels in a folder, matched by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.image_files import read_image, read_labels
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_LABELS = ("labels", "label", "masks", "mask", "annotations", "annotation", "scribbles")
_LABEL_SUFFIXES = (".tif", ".tiff", ".png")
_IMAGE_SUFFIXES = (*_LABEL_SUFFIXES, ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class PairFiles:
    """An image file and the file with its labels."""

    image: Path
    labels: Path

    def read(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
        """Return image and labels.

        Raises
        ------
        ValueError
            If one of them cannot be read; the message names the file.
        """
        return read_image(self.image), read_labels(self.labels)


def find_pairs(folder: str | Path) -> list[PairFiles]:
    """Return the images of a folder that have labels, in the order of their names.

    The labels of `cell.tif` are `cell_labels.tif` (or `_mask`, `_annotation`, `_scribbles`) beside
    it, or `cell.tif` in a folder `labels` (or `masks`, ...) there. The images may be in a folder
    `images`. Images without labels are left out.

    Raises
    ------
    ValueError
        If there is no pair, or an image has two label files.
    """
    folder = Path(folder)
    shown = quoted(str(folder), 100)
    if not folder.is_dir():
        raise InputError(f"Expected a folder with images and labels, but {shown} is none.")
    images = folder / "images" if (folder / "images").is_dir() else folder
    labels: dict[str, Path] = {}
    for name, path in _label_files(folder, images):
        if name in labels:
            raise InputError(
                f"Each image needs one label file, but {quoted(name, 40)} has two, "
                f"{quoted(labels[name].name)} and {quoted(path.name)}. Move one of them elsewhere."
            )
        labels[name] = path
    pairs = [
        PairFiles(path, labels[path.stem])
        for path in _files(images, _IMAGE_SUFFIXES)
        if path.stem in labels
    ]
    if not pairs:
        raise InputError(
            f"Expected images and labels of the same name in {shown}, e.g. cell.tif and "
            "cell_labels.tif, or images/cell.tif and labels/cell.tif, but there are none. Rename "
            "them, or choose another folder."
        )
    return pairs


def _label_files(folder: Path, images: Path) -> Iterator[tuple[str, Path]]:
    """Iterate over the label files and the names of their images."""
    for inside in dict.fromkeys((images, folder, *(folder / name for name in _LABELS))):
        for path in _files(inside, _LABEL_SUFFIXES):
            name, _, ending = path.stem.rpartition("_")
            if name and ending.lower() in _LABELS:
                yield name, path
            elif inside not in (images, folder):
                yield path.stem, path


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)

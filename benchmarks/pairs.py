"""Real images with ground truth, as tasks: read from a folder of data sets, never copied."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from napari_fcn_crf.data.annotations import IGNORE

SMALLEST_CLASS = 0.01
"""Fraction of an image that a class must cover to be one; smaller ones are not counted."""

_INSTANCES = ("dsb2018", "livecell")
_VOID = {"camvid": 11, "voc_convcrf": 255, "voc_lwrefinenet": 255}


@dataclass(frozen=True)
class Task:
    """One image to segment.

    Parameters
    ----------
    data_set, name : str
    image : array of uint8, shape `(rows, columns)` or `(rows, columns, 3)`
    truth : array of int32, shape `(rows, columns)`
        Class index from 0, or `IGNORE`.
    """

    data_set: str
    name: str
    image: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.int32]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.truth.max()) + 1


def data_folder() -> Path:
    """Return the folder that holds `pairs`: `NAPARI_FCN_CRF_DATA`, or `shared/data` alongside."""
    given = os.environ.get("NAPARI_FCN_CRF_DATA")
    return Path(given) if given else Path(__file__).parents[2] / "shared" / "data"


def read_tasks(folder: Path) -> list[Task]:
    """Return the tasks in `folder/pairs`, one data set after the other.

    Instances become one class, "object"; classes that cover less than `SMALLEST_CLASS` and pixels
    outside a field of view do not count; images with a single class are left out.
    """
    tasks = []
    for label_file in sorted(folder.glob("pairs/*/*_label.*")):
        data_set, name = label_file.parent.name, label_file.stem.removesuffix("_label")
        image_file = next(
            file for file in label_file.parent.glob(f"{name}.*") if file.suffix != ".mat"
        )
        image = _read_image(image_file)
        labels = _read(label_file).astype(np.int64)
        if labels.ndim == 3:
            labels = labels[..., 0]
        better = label_file.with_name(f"{name}_voclabel.png")
        if better.exists():
            labels = _read(better).astype(np.int64)
        if data_set in _INSTANCES:
            labels = (labels > 0).astype(np.int64)
        valid = labels != _VOID.get(data_set, -1)
        for field_of_view in label_file.parent.glob(f"{name}_fov.*"):
            valid &= _read(field_of_view) > 0
        truth = class_indices_of(labels, valid)
        if truth.max() > 0:
            tasks.append(Task(data_set, name, image, truth))
    return tasks


def class_indices_of(
    labels: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Return classes numbered from 0, those that cover enough of the image; others `IGNORE`."""
    truth = np.full(labels.shape, IGNORE, np.int32)
    values, counts = np.unique(labels[valid], return_counts=True)
    kept = values[counts >= SMALLEST_CLASS * labels.size]
    for index, value in enumerate(kept):
        truth[(labels == value) & valid] = index
    return truth


def _read_image(path: Path) -> npt.NDArray[np.uint8]:
    with PillowImage.open(path) as file:
        mode = "L" if file.mode in ("L", "1", "I", "I;16") else "RGB"
        array: Any = np.asarray(file.convert(mode))
    return np.asarray(array, np.uint8)


def _read(path: Path) -> npt.NDArray[Any]:
    with PillowImage.open(path) as file:
        # A palette's indices are the classes; its colours mean nothing.
        return np.asarray(file)

"""Measurements of objects and of classes: counts, areas, centroids and intensities."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.data.plane_pixels import PlanePixels
from napari_fcn_crf.results.export.object_sums import STATISTICS, ObjectSums
from napari_fcn_crf.results.export.result import Result
from napari_fcn_crf.results.frames import n_leading_axes

Table = dict[str, list[Any]]
"""Columns by their names, all of one length."""

_BLOCK_PX = 2048


def objects_table(result: Result) -> Table:
    """Return one row an object: what it is, how large, where, and how bright.

    Of labels that are classes, each connected region is an object, but for the background's. What
    has planes is measured as a volume; frames are measured one by one.

    Parameters
    ----------
    result : Result
        Labels.

    Returns
    -------
    dict of list
        `label` and `class`; `frame`, and other axes than z, y and x; `area_px` and `area_um2`, of
        volumes `volume_px` and `volume_um3`; `centroid_y_px` and `centroid_y_um`, and so for each
        axis; `mean_1`, `min_1` and `max_1`, and so for each channel of the image. What is not known
        has no column.
    """
    axes = result.picture.spatial_axes
    n_leading = n_leading_axes(axes)
    channels = None if result.image is None else result.image.channels_last()
    rows = _Rows(result, 0 if channels is None else channels.shape[-1])
    number = 0
    for index, labels in _parts(result, n_leading):
        regions, values = _regions(result, labels, number)
        sums = rows.sums(max(values, default=number))
        sums.add(regions, (0,) * regions.ndim, None if channels is None else channels[index])
        numbers = sums.numbers.tolist()
        number = max([number, *numbers])
        if result.meaning == "classes":
            rows.add(index, numbers, [values[one] for one in numbers], sums)
        else:
            rows.add(index, [values[one] for one in numbers], None, sums)
    return rows.columns


def large_objects_table(result: Result, count: int) -> Table:
    """Return what `objects_table` does, of objects of which only a block is in memory at a time.

    Parameters
    ----------
    result : Result
        Objects, with an array of zarr, dask or numpy, as their image, that is read region by
        region. They are numbered on from frame to frame, as `split_frames` does.
    count : int
        Their number.
    """
    picture, image = result.picture, result.image
    shape, n_leading = picture.spatial_shape, n_leading_axes(picture.spatial_axes)
    rows = _Rows(result, 0 if image is None else image.channels)
    sides = [
        [slice(start, min(side, start + _BLOCK_PX)) for start in range(0, side, _BLOCK_PX)]
        for side in shape[-2:]
    ]
    number = 0
    for index in np.ndindex(*shape[:n_leading]):
        sums = rows.sums(count - number)
        for planes in np.ndindex(*shape[n_leading:-2]):
            pixels = None if image is None else PlanePixels(image, (*index, *planes))
            for in_rows, in_columns in itertools.product(*sides):
                place = in_rows, in_columns
                found = np.asarray(picture.array[(*index, *planes, *place)]).astype(np.int64)
                if not found.any():
                    continue
                numbers = np.where(found > 0, found - number, 0)
                read = None if pixels is None else pixels[place]
                sums.add(
                    numbers.reshape(*(1 for _ in planes), *numbers.shape),
                    (*planes, *(part.start for part in place)),
                    None if read is None else read.reshape(*(1 for _ in planes), *read.shape),
                )
        numbers_here = (sums.numbers + number).tolist()
        rows.add(index, numbers_here, None, sums)
        number = max([number, *numbers_here])
    return rows.columns


class _Rows:
    """Rows of a table of objects, which are added frame by frame."""

    def __init__(self, result: Result, n_channels: int) -> None:
        axes = result.picture.spatial_axes
        n_leading = n_leading_axes(axes)
        self.columns: Table = {}
        self._classes = result.classes
        self._leading, self._inner = axes[:n_leading], axes[n_leading:]
        self._spacing = result.spacing_um(self._inner) if result.is_measured else ()
        self._n_channels = n_channels

    def sums(self, count: int) -> ObjectSums:
        """Return what sums up so many objects of a frame."""
        return ObjectSums(count, len(self._inner), self._n_channels)

    def add(
        self,
        index: tuple[int, ...],
        labels: list[int],
        classes: list[int] | None,
        sums: ObjectSums,
    ) -> None:
        """Add the objects of a frame; without classes, of the one that all are of."""
        known, n_objects = self._classes, len(labels)
        self._extend("label", labels)
        if classes is None and known.values:
            classes = [known.values[0]] * n_objects
        if classes is not None:
            self._extend("class", classes)
            self._extend("class_name", [known.name_of(value) for value in classes])
        for axis, at in zip(self._leading, index, strict=True):
            self._extend("frame" if axis == "t" else axis, [at] * n_objects)
        size = "volume" if "z" in self._inner else "area"
        self._extend(f"{size}_px", sums.sizes.tolist())
        if self._spacing:
            unit = float(np.prod(self._spacing))
            self._extend(f"{size}_um{len(self._spacing)}", (sums.sizes * unit).tolist())
        for at, axis in enumerate(self._inner):
            centroids = sums.centroids(at)
            self._extend(f"centroid_{axis}_px", centroids.tolist())
            if self._spacing:
                self._extend(f"centroid_{axis}_um", (centroids * self._spacing[at]).tolist())
        for channel in range(self._n_channels):
            for one in STATISTICS:
                self._extend(f"{one}_{channel + 1}", sums.statistic(one, channel).tolist())

    def _extend(self, name: str, values: list[Any]) -> None:
        self.columns.setdefault(name, []).extend(values)


def classes_table(result: Result) -> Table:
    """Return one row a class, the background's among them: its objects, its area, its brightness.

    Of labels that are objects, one row for all of them and one for what lies around them.

    Parameters
    ----------
    result : Result
        Labels.
    """
    labels = np.asarray(result.picture.array)
    objects = objects_table(result)
    channels = None if result.image is None else result.image.channels_last()
    if result.meaning == "classes":
        values = sorted({*map(int, np.unique(labels)), *result.classes.values})
        names = [result.classes.name_of(value) for value in values]
        counts = [objects.get("class", []).count(value) for value in values]
        masks = [labels == value for value in values]
    else:
        of_class = next(iter(result.classes.names), "object")
        values, names = [0, next(iter(result.classes.values), 1)], ["background", of_class]
        counts = [0, len(set(objects.get("label", [])))]
        masks = [labels == 0, labels != 0]
    columns: Table = {"class": values, "class_name": names, "objects": counts}
    pixels = np.array([int(mask.sum()) for mask in masks])
    columns["pixels"] = pixels.tolist()
    columns["fraction"] = (pixels / max(1, labels.size)).tolist()
    inner = [axis for axis in result.picture.spatial_axes if axis in "zyx"]
    if result.is_measured:
        spacing = result.spacing_um("".join(inner))
        size = "volume" if len(inner) > 2 else "area"
        columns[f"{size}_um{len(inner)}"] = (pixels * float(np.prod(spacing))).tolist()
    if channels is not None:
        for channel in range(channels.shape[-1]):
            plane = channels[..., channel].astype(np.float64)
            for one in STATISTICS:
                columns[f"{one}_{channel + 1}"] = [
                    float(getattr(plane[mask], one)()) if mask.any() else None for mask in masks
                ]
    return columns


def write_table(table: Table, path: Path) -> None:
    """Write a table as CSV: commas, a point in numbers, names in the first line."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(table)
        for row in zip(*table.values(), strict=True):
            writer.writerow([_text(value) for value in row])


def _text(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _parts(
    result: Result, n_leading: int
) -> Iterator[tuple[tuple[int, ...], npt.NDArray[np.integer]]]:
    labels = np.asarray(result.picture.array)
    for index in np.ndindex(*labels.shape[:n_leading]):
        yield index, labels[index]


def _regions(
    result: Result, labels: npt.NDArray[np.integer], number: int
) -> tuple[npt.NDArray[np.int64], dict[int, int]]:
    """Return regions that are numbered on from a number, and the label value of each."""
    from skimage.measure import label

    values, inverse = np.unique(labels, return_inverse=True)
    is_thing = values != 0
    if result.meaning == "classes":
        is_thing &= [not result.classes.is_background(int(value)) for value in values]
    positions = np.where(is_thing, np.arange(1, len(values) + 1), 0)[inverse].reshape(labels.shape)
    if result.meaning == "objects":
        return positions, {
            int(at): int(values[at - 1]) for at in np.unique(positions).tolist() if at
        }
    regions: npt.NDArray[np.int64] = label(positions, connectivity=1).astype(np.int64)
    first = np.zeros(int(regions.max()) + 1, np.int64)
    # Any pixel of a region tells its label.
    first[regions.ravel()] = positions.ravel()
    found = {number + one: int(values[first[one] - 1]) for one in range(1, len(first))}
    regions[regions > 0] += number
    return regions, found

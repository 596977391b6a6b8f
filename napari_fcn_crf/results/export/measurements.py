"""Measurements of objects and of classes: counts, areas, centroids and intensities."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.results.export.result import Result

Table = dict[str, list[Any]]
"""Columns by their names, all of one length."""

_STATISTICS = ("mean", "min", "max")


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
    from skimage.measure import regionprops_table

    axes = result.picture.spatial_axes
    n_leading = next(at for at in range(len(axes)) if set(axes[at:]) <= set("zyx"))
    leading, inner = axes[:n_leading], axes[n_leading:]
    size = "volume" if "z" in inner else "area"
    channels = None if result.image is None else result.image.channels_last()
    spacing = result.spacing_um(inner) if result.is_measured else ()
    columns: Table = {}
    number = 0
    for index, labels in _parts(result, n_leading):
        regions, values = _regions(result, labels, number)
        names = ["label", "area", "centroid"]
        intensities: dict[str, Any] = {}
        if channels is not None:
            names += [f"intensity_{one}" for one in _STATISTICS]
            intensities = {"intensity_image": channels[index].astype(np.float64)}
        found = regionprops_table(regions, properties=names, **intensities)
        numbers = found["label"].tolist()
        number = max([number, *numbers])
        n_objects = len(numbers)
        _extend(columns, "label", numbers if result.meaning == "classes" else list(values.values()))
        if result.meaning == "classes":
            _extend(columns, "class", [values[one] for one in numbers])
            _extend(columns, "class_name", [result.classes.name_of(values[one]) for one in numbers])
        elif result.classes.values:
            _extend(columns, "class", [result.classes.values[0]] * n_objects)
            _extend(columns, "class_name", [result.classes.names[0]] * n_objects)
        for axis, at in zip(leading, index, strict=True):
            _extend(columns, "frame" if axis == "t" else axis, [at] * n_objects)
        _extend(columns, f"{size}_px", np.rint(found["area"]).astype(int).tolist())
        if spacing:
            unit = float(np.prod(spacing))
            _extend(columns, f"{size}_um{len(spacing)}", (found["area"] * unit).tolist())
        for at, axis in enumerate(inner):
            centroid = found[f"centroid-{at}"]
            _extend(columns, f"centroid_{axis}_px", centroid.tolist())
            if spacing:
                _extend(columns, f"centroid_{axis}_um", (centroid * spacing[at]).tolist())
        if channels is not None:
            for channel in range(channels.shape[-1]):
                for one in _STATISTICS:
                    # A single channel has no number.
                    column = found.get(f"intensity_{one}-{channel}", found.get(f"intensity_{one}"))
                    _extend(columns, f"{one}_{channel + 1}", column.tolist())
    return columns


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
            for one in _STATISTICS:
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


def _extend(columns: Table, name: str, values: list[Any]) -> None:
    columns.setdefault(name, []).extend(values)


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

"""Table of objects as CSV: a row each."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.measurements import objects_table, write_table
from napari_fcn_crf.results.export.result import Result


def write(result: Result, path: Path) -> None:
    """Write what was measured of each object."""
    write_table(objects_table(result), path)


EXPORT = Export(
    name="objects",
    title="Table of objects (CSV)",
    tip="A row an object: class, area, centroid, intensities.",
    suffixes=(".csv", ".objects.csv"),
    takes=LABELS,
    write=write,
)

"""Table of classes as CSV: a row each."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.measurements import classes_table, write_table
from napari_fcn_crf.results.export.result import Result


def write(result: Result, path: Path) -> None:
    """Write what was measured of each class."""
    write_table(classes_table(result), path)


EXPORT = Export(
    name="classes",
    title="Table of classes (CSV)",
    tip="A row a class: objects, area, fraction, intensities.",
    suffixes=(".classes.csv",),
    takes=LABELS,
    write=write,
)

"""Table of the export formats: a file and a line each."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.results.export import (
    classes_csv,
    geojson,
    imagej_roi,
    objects_csv,
    ome_tiff,
    ome_zarr,
)
from napari_fcn_crf.results.export.export import Export
from napari_fcn_crf.results.export.result import Result

EXPORTS: tuple[Export, ...] = (
    ome_tiff.EXPORT,
    ome_zarr.EXPORT,
    geojson.EXPORT,
    imagej_roi.EXPORT,
    objects_csv.EXPORT,
    classes_csv.EXPORT,
)
"""In the order that they are offered in."""


def export_named(name: str) -> Export:
    """Return the format of a name.

    Raises
    ------
    ValueError
        With all names, if there is none.
    """
    for one in EXPORTS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in EXPORTS)
    raise InputError(f"Expected one of {known}, but found {quoted(name)}. Choose one of these.")


def export_for(path: Path) -> Export:
    """Return the format that a file's name asks for, by the longest of the endings.

    Raises
    ------
    ValueError
        With all endings, if it asks for none.
    """
    name = path.name.lower()
    found = [
        (len(suffix), one)
        for one in EXPORTS
        for suffix in one.suffixes
        if name.endswith(suffix) and len(name) > len(suffix)
    ]
    if not found:
        known = ", ".join(suffix for one in EXPORTS for suffix in one.suffixes)
        raise InputError(
            f"The file's name says what is written, but {quoted(path.name)} ends in none of "
            f"{known}. Give it one of these endings, or choose the format."
        )
    return max(found, key=lambda pair: pair[0])[1]


def write_result(result: Result, path: Path, export: Export) -> None:
    """Write a result in a format; probabilities as labels where it knows labels alone.

    Raises
    ------
    ValueError
        If the result is of no use in that format; the message says why.
    OSError
        If it cannot be written; there is no half of it then.
    """
    keeps = result.meaning == "probabilities" and result.meaning in export.takes
    export.write(result if keeps else result.labels(), path)


def named_like(path: Path, export: Export) -> Path:
    """Return a path with the format's ending, which is added where it has another."""
    name = path.name.lower()
    if any(name.endswith(suffix) for suffix in export.suffixes):
        return path
    return path.with_name(path.name + export.suffixes[0])

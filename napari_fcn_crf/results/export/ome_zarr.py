"""OME-Zarr: labels with names and colours, or probabilities, with a pyramid."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.reading import is_zarr
from napari_fcn_crf.data.ome_zarr.whole import write_whole_labels, write_whole_probabilities
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.result import Result


def write(result: Result, path: Path) -> None:
    """Write an OME-Zarr image of the version 0.4, which most programs read.

    Raises
    ------
    ValueError
        If a folder is there that is no zarr image, which would be lost.
    """
    if path.exists() and not is_zarr(path):
        raise InputError(
            f"{quoted(str(path), 100)} is there already, and is no OME-Zarr image that could be "
            "replaced. Choose another name."
        )
    if result.meaning == "probabilities":
        write_whole_probabilities(path, result.picture, result.classes)
    else:
        # Of objects, what is said of a number would be said of the class.
        classes = result.classes if result.meaning == "classes" else LabelClasses((), ())
        write_whole_labels(path, result.picture, classes)


EXPORT = Export(
    name="ome-zarr",
    title="OME-Zarr",
    tip="Labels or probabilities for Fiji, napari, OMERO, in parts and at several sizes.",
    suffixes=(".ome.zarr", ".zarr"),
    takes=LABELS | {"probabilities"},
    write=write,
)

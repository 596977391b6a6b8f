"""Sample images and labels under File > Open Sample, as layers."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.data import samples
from napari_fcn_crf.data.annotation_summary import NO_CLASS

_AXES = ("y", "x")

LayerTuple = tuple[Any, dict[str, Any], str]


def _image_and_labels(image: str, labels: str) -> list[LayerTuple]:
    names = {0: NO_CLASS} | samples.CLASS_NAMES[labels]
    shown = {
        "name": labels.replace("_", " "),
        "opacity": 0.5,
        "axis_labels": _AXES,
        # Which the dock takes the names from, and napari's status bar shows.
        "features": {"index": list(names), "class": list(names.values())},
    }
    return [
        (samples.load(image), {"name": image.replace("_", " "), "axis_labels": _AXES}, "image"),
        (samples.load(labels), shown, "labels"),
    ]


def cat() -> list[LayerTuple]:
    """Return the cat and its full annotation."""
    return _image_and_labels("cat", "cat_annotation")


def cat_scribbles() -> list[LayerTuple]:
    """Return the cat and a few strokes on it."""
    return _image_and_labels("cat", "cat_scribbles")


def immunohistochemistry() -> list[LayerTuple]:
    """Return stained tissue and strokes for its three classes."""
    return _image_and_labels("ihc", "ihc_scribbles")

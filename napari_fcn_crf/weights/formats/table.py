"""Table of the weights formats: a file and a line each."""

from __future__ import annotations

from itertools import groupby

from napari_fcn_crf.weights.formats import (
    checkpoint,
    hdf5,
    keras_zip,
    npz,
    onnx,
    pytorch,
    safetensors,
)
from napari_fcn_crf.weights.formats.file_format import WeightsFormat

FORMATS: tuple[WeightsFormat, ...] = (
    hdf5.FORMAT,
    keras_zip.FORMAT,
    checkpoint.FORMAT,
    pytorch.FORMAT,
    safetensors.FORMAT,
    npz.FORMAT,
    onnx.FORMAT,
)
"""The first that a file matches is its format; those of one library follow one another."""


def published_kinds() -> str:
    """Return the libraries that VGG-16 is published for, with the usual endings, as a phrase."""
    published = [kind for kind in FORMATS if kind.library]
    *first, last = [
        f"{library} ({', '.join(kind.endings[0] for kind in kinds)})"
        for library, kinds in groupby(published, lambda kind: kind.library)
    ]
    return f"{', '.join(first)} or {last}"


def endings() -> tuple[str, ...]:
    """Return all endings that a file of weights may have."""
    return tuple(ending for kind in FORMATS for ending in kind.endings)

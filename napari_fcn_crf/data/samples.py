"""The small images and annotations that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_fcn_crf.input_error import InputError

NAMES = ("cat", "cat_annotation", "cat_scribbles", "ihc", "ihc_scribbles")
"""What `load` knows. Annotation: 0 background, 1 cat. Scribbles: 0 is not annotated."""

CLASS_NAMES = {
    "cat_annotation": {0: "background", 1: "cat"},
    "cat_scribbles": {1: "background", 2: "cat"},
    "ihc_scribbles": {1: "epithelium", 2: "connective tissue", 3: "empty"},
}
"""What the labels of each annotation are called."""


def path(name: str) -> Path:
    """Return the file of a sample.

    Raises
    ------
    ValueError
        If there is no sample of that name.
    FileNotFoundError
        If the installation lacks its files.
    """
    if name not in NAMES:
        raise InputError(f"There is no sample {name!r}. Choose one of {', '.join(NAMES)}.")
    package = Path(__file__).parents[1]
    # An editable install finds them beside the package, a wheel within it.
    for folder in (package / "sample_data", package.parent / "sample_data"):
        file = folder / f"{name}.png"
        if file.exists():
            return file
    raise FileNotFoundError(
        f"The sample image {name}.png is missing from {package / 'sample_data'}. "
        "Install napari-fcn-crf anew."
    )


def load(name: str) -> npt.NDArray[Any]:
    """Return a sample as an array: images `(rows, columns, 3)` uint8, labels `(rows, columns)`."""
    from skimage.io import imread

    image: npt.NDArray[Any] = imread(path(name))
    return image

"""A result to export: two classes beside the background, in the place of an image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.results.export.result import Result

CLASSES = LabelClasses(
    (0, 3, 7),
    ("background", "nucleus", "µ-stroma"),
    ((0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 1.0), (0.0, 0.2, 1.0, 1.0)),
)
PLACE = Place(np.diag([0.25e-6, 0.5e-6, 1.0]), ("meter", "meter"))


@pytest.fixture
def labels() -> np.ndarray:
    """A ring of 3 with a hole, a square of 3 beside it, and a bar of 7."""
    labels = np.zeros((40, 50), np.int64)
    labels[5:15, 5:15] = 3
    labels[8:11, 8:12] = 0
    labels[20:24, 30:34] = 3
    labels[30:32, 2:42] = 7
    return labels


@pytest.fixture
def result(labels) -> Result:
    """The labels, with the image that they are of: two channels."""
    channels = np.stack([np.arange(2000).reshape(40, 50), labels * 10]).astype(np.uint16)
    image = Picture(channels, "cyx", "image", PLACE)
    return Result(Picture(labels, "yx", "labels", PLACE), CLASSES, "classes", image)


@pytest.fixture
def probabilities(labels) -> Result:
    """What the labels are the most probable classes of."""
    values = np.stack([np.where(labels == value, 0.8, 0.1) for value in (0, 3, 7)])
    picture = Picture(values.astype(np.float32), "cyx", "probabilities", PLACE)
    return Result(picture, CLASSES, "probabilities")

"""Labels that look like something else are asked about, and those that do not are not."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from napari_fcn_crf.data.label_doubts import (
    image_values,
    label_doubt,
    outlining_void,
    unknown_label,
)
from napari_fcn_crf.data.label_statistics import count_labels
from tests.labels import cells, soft_mask, touching_squares, voc_mask

BOTH = pytest.mark.parametrize("mode", ["scribbles", "mask"])


@BOTH
@pytest.mark.parametrize("n_a_side", [3, 12])
def test_cells_with_an_id_each(n_a_side: int, mode: str) -> None:
    doubt = label_doubt(count_labels(cells(n_a_side)), mode)
    assert doubt is not None
    assert doubt.looks.startswith(f"There are {n_a_side**2} labels, as if each object")
    assert doubt.remedy == {"labels": "objects"}
    for meant in ("objects", "objects-border"):
        assert label_doubt(count_labels(cells(n_a_side)), meant) is None


@BOTH
def test_soft_edges(mode: str) -> None:
    mask = soft_mask()
    n_between = len(np.unique(mask)) - 2
    assert n_between > 10
    doubt = label_doubt(count_labels(mask), mode)
    assert doubt is not None
    assert f"soft edges: between 0 and 255 there are {n_between} more values" in doubt.looks
    assert "labels > 127" in doubt.advice
    assert label_doubt(count_labels((mask > 127) * 255), mode) is None


@BOTH
def test_an_image_as_labels(mode: str) -> None:
    photograph = data.chelsea()[..., 1]
    doubt = label_doubt(count_labels(photograph), mode)
    assert doubt is not None
    assert doubt.looks.startswith(
        f"The labels look like an image: they have {len(np.unique(photograph))}"
    )
    assert "swapped" in doubt.advice
    # One as smooth as labels are is told by what is taken for the image.
    smooth = np.tile(np.arange(200, dtype=np.uint8) // 4, (64, 1))
    doubt = label_doubt(count_labels(smooth), mode, image_values=3)
    assert doubt is not None
    assert "50 values, and the image has 3" in doubt.looks
    doubt = label_doubt(count_labels(smooth), mode)
    assert doubt is not None
    assert "or as if image and labels were swapped" in doubt.looks


def test_the_outline_of_what_nobody_knows() -> None:
    counted = count_labels(voc_mask())
    assert outlining_void(counted) == 255
    doubt = label_doubt(counted, "mask")
    assert doubt is not None
    assert doubt.remedy == {"ignore_label": 255}
    strokes = label_doubt(counted, "scribbles")
    assert strokes is not None
    assert strokes.remedy == {"labels": "mask", "ignore_label": 255}
    assert label_doubt(counted, "mask", ignore_label=255) is None


@pytest.mark.parametrize("mode", ["scribbles", "mask", "objects"])
def test_minus_one_is_what_nobody_has_annotated(mode: str) -> None:
    """Taken for strokes, the first class would not be one, and the rest of the image would."""
    counted = count_labels(_strokes(2).astype(np.int32) - 1)
    assert unknown_label(counted) == -1
    doubt = label_doubt(counted, mode)
    assert doubt is not None
    assert doubt.looks.startswith("-1 is a label that other programs give")
    expected = {"ignore_label": -1} | ({"labels": "mask"} if mode == "scribbles" else {})
    assert doubt.remedy == expected
    assert label_doubt(counted, "mask", ignore_label=-1) is None
    assert unknown_label(count_labels(_strokes(3).astype(np.int32) - 3)) is None


def _classes(n: int) -> np.ndarray:
    """Return a mask of so many classes, of very different sizes."""
    labels = np.zeros((120, 120), np.uint8)
    for value in range(1, n):
        labels[value * 5 : value * 5 + 5, : 2 + round(110 * (value / n) ** 4)] = value
    return labels


def _strokes(n: int) -> np.ndarray:
    labels = np.zeros((300, 300), np.uint8)
    for value in range(1, n + 1):
        labels[value * 12 : value * 12 + 5, 20:120] = value
    return labels


@pytest.mark.parametrize(
    ("labels", "mode"),
    [
        (_classes(21), "mask"),
        (_strokes(3), "scribbles"),
        (_strokes(12), "scribbles"),
        (touching_squares(), "mask"),
        (np.where(_classes(2) > 0, 255, 0), "mask"),
        # Classes drawn in grey: 255 is one of them.
        (_classes(4) * 85, "mask"),
        # A large region of 255, and a stroke of it.
        (np.where(_classes(3) == 2, 255, np.pad(np.ones((60, 120)), ((60, 0), (0, 0)))), "mask"),
        (np.where(_strokes(2) == 2, 255, _strokes(2)), "scribbles"),
        (np.where(_strokes(2).T == 2, 255, _strokes(2).T), "scribbles"),
        (np.zeros((40, 40), np.uint8), "scribbles"),
    ],
    ids=[
        "voc",
        "3 strokes",
        "12 strokes",
        "2 objects",
        "0/255",
        "grey",
        "255",
        "stroke",
        "upright",
        "empty",
    ],
)
def test_what_there_is_no_doubt_about(labels: np.ndarray, mode: str) -> None:
    assert label_doubt(count_labels(labels.astype(np.uint8)), mode) is None


def test_many_classes_are_asked_about() -> None:
    assert label_doubt(count_labels(_classes(22)), "mask") is None
    doubt = label_doubt(count_labels(_classes(23)), "mask")
    assert doubt is not None
    assert "22 labels" in doubt.looks


@pytest.mark.parametrize("shape", [(40, 50), (9, 400, 500), (4000, 3), (2, 2, 300, 400)])
def test_values_of_an_image_are_found_all_over_it(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint16)
    image.reshape(-1)[:] = np.arange(image.size) * 7 // image.size
    assert image_values(image) == 7

"""The sample images are scikit-image's own, and the annotations belong to them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from skimage import data, measure
from skimage.io import imread

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "sample_data"


def load(name: str) -> np.ndarray:
    return imread(FOLDER / name)


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    """The script that draws the annotations, as a module."""
    spec = importlib.util.spec_from_file_location("draw", ROOT / "scripts/draw_annotations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "original"),
    [("cat.png", data.chelsea), ("ihc.png", data.immunohistochemistry)],
)
def test_images_are_those_of_scikit_image(name, original):
    np.testing.assert_array_equal(load(name), original())


@pytest.mark.parametrize(
    ("name", "image", "values"),
    [
        ("cat_annotation.png", "cat.png", [0, 1]),
        ("cat_scribbles.png", "cat.png", [0, 1, 2]),
        ("ihc_scribbles.png", "ihc.png", [0, 1, 2, 3]),
    ],
)
def test_labels_fit_their_image(name, image, values):
    labels = load(name)
    assert labels.dtype == np.uint8
    assert labels.shape == load(image).shape[:2]
    assert np.unique(labels).tolist() == values


def test_files_are_what_the_script_draws(drawing):
    drawn_annotations = drawing.drawn_annotations()
    names = {path.name for path in FOLDER.glob("*_*.png")}
    assert set(drawn_annotations) == names
    for name, drawn in drawn_annotations.items():
        np.testing.assert_array_equal(load(name), drawn, err_msg=name)


def test_cat_is_one_piece_without_holes():
    cat = load("cat_annotation.png")
    assert measure.label(cat, connectivity=1).max() == 1
    filled = np.pad(cat, 1)  # the background around the cat is one piece then
    assert measure.label(filled == 0, connectivity=1).max() == 1


def test_cat_scribbles_lie_inside_their_regions():
    cat, scribbles = load("cat_annotation.png"), load("cat_scribbles.png")
    assert (cat[scribbles == 1] == 0).all()
    assert (cat[scribbles == 2] == 1).all()


@pytest.mark.parametrize("name", ["cat_scribbles.png", "ihc_scribbles.png"])
def test_scribbles_are_a_few_strokes(name):
    scribbles = load(name)
    strokes = measure.label(scribbles, connectivity=2)
    assert 5 <= strokes.max() <= 12
    assert 0.01 <= np.mean(scribbles > 0) <= 0.03


def test_glands_are_scribbled_by_their_colour():
    """The epithelium is the brownest of the three classes, the empty areas the brightest."""
    image, scribbles = load("ihc.png").astype(float), load("ihc_scribbles.png")
    red_over_blue = {k: np.mean((image[..., 0] - image[..., 2])[scribbles == k]) for k in (1, 2, 3)}
    brightness = {k: np.mean(image.mean(axis=-1)[scribbles == k]) for k in (1, 2, 3)}
    assert red_over_blue[1] > 30 > max(red_over_blue[2], red_over_blue[3])
    assert brightness[3] > brightness[2] > brightness[1]


def test_every_file_is_described():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in FOLDER.iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in text

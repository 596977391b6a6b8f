"""`nfc.export`, on arrays as people have them."""

import json

import numpy as np
import pytest
import tifffile

import napari_fcn_crf as nfc
from napari_fcn_crf.data.image_files import read_picture
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.results.export.table import EXPORTS
from napari_fcn_crf.settings import TrainingSettings

CARD = ModelCard(
    (0, 5),
    ("rest", "nucleus"),
    1,
    IntensityMapping((0.0,), (1.0,)),
    TrainingSettings(),
    class_colours=((0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 1.0, 1.0)),
)


def test_probabilities_with_a_models_classes(tmp_path):
    inside = np.zeros((40, 50), np.float32)
    inside[10:20, 5:15] = 1
    probabilities = np.stack([1 - inside, inside])
    written = nfc.export(probabilities, tmp_path / "a.geojson", model=CARD)
    (feature,) = json.loads(written.read_text())["features"]
    assert feature["properties"]["classification"] == {"name": "nucleus", "color": [255, 0, 255]}
    written = nfc.export(probabilities, tmp_path / "a.ome.tif", model=CARD, pixel_size_um=0.5)
    read = read_picture(written)
    np.testing.assert_array_equal(read.array, probabilities)
    np.testing.assert_allclose(read.place.spacing, 0.5e-6)


def test_labels_with_names_and_an_image(tmp_path):
    labels = np.zeros((40, 50), np.int32)
    labels[:2, :3] = 9
    image = np.full((40, 50, 3), 8, np.uint8)
    path = nfc.export(labels, tmp_path / "a.csv", image=image, names={9: "cell"})
    header, row = path.read_text().splitlines()
    found = dict(zip(header.split(","), row.split(","), strict=True))
    assert (found["class_name"], found["area_px"], found["mean_3"]) == ("cell", "6", "8.0")


def test_objects(tmp_path):
    labels = np.zeros((40, 50), np.int32)
    labels[0, 0] = labels[30, 30] = 300
    path = nfc.export(labels, tmp_path / "cells.data", kind="objects", objects=True)
    assert path.read_text().splitlines()[1].startswith("300,2,")


def test_every_format_takes_both(tmp_path):
    labels = np.zeros((40, 50), np.uint8)
    labels[3, 3] = 1
    probabilities = np.stack([labels == 0, labels == 1]).astype(np.float32)
    for one in EXPORTS:
        for name, values in (("l", labels), ("p", probabilities)):
            assert nfc.export(values, tmp_path / f"{name}{one.suffixes[0]}").exists()
    assert tifffile.imread(tmp_path / "l.ome.tif").dtype == np.uint8


@pytest.mark.parametrize(
    ("result", "options", "sentence"),
    [
        (np.zeros((40, 50), np.uint8), {"kind": "png"}, "Expected one of ome-tiff, .*found png"),
        (np.zeros((40, 50), np.uint8), {"pixel_size_um": (1, 2, 3)}, "along y, x in micrometres"),
        (np.zeros((40, 50), np.uint8), {"image": np.zeros((32, 32))}, "shape of the result"),
        (np.zeros((3, 40, 50), np.float32), {"model": CARD}, "Expected probabilities"),
    ],
)
def test_what_cannot_be_is_told(tmp_path, result, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        nfc.export(result, tmp_path / "a.csv", **options)
    assert not list(tmp_path.iterdir())

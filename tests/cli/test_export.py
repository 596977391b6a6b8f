"""The command `export`, on files that the other commands write."""

import csv
import json

import numpy as np
import pytest
import tifffile
from roifile import roiread

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.ome_zarr.whole import write_whole_labels
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place

PLACE = Place(np.diag([0.5e-6, 0.5e-6, 1.0]), ("meter", "meter"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Labels, probabilities and the image that they are of."""
    labels = np.zeros((40, 50), np.uint8)
    labels[:4, :5] = labels[20:22, 20:22] = 3
    of = Picture(labels, "yx", "a", PLACE)
    image_files.write_labels(tmp_path / "a_refined.tif", labels, "refine", of)
    probabilities = np.stack([labels == 0, labels == 3]).astype(np.float32)
    image_files.write_probabilities(
        tmp_path / "a_probabilities.tif", probabilities, (0, 3), "refine", of
    )
    tifffile.imwrite(tmp_path / "a.tif", labels + np.uint8(10))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _export(*arguments: str) -> None:
    assert main(["export", *arguments]) == 0


@pytest.mark.parametrize("name", ["a_refined", "a_probabilities"])
def test_outlines_and_tables(folder, name):
    arguments = (f"{name}.tif", "--names", "3=cell", "-o", "out", "--image", "a.tif")
    _export(*arguments, "--format", "geojson", "--format", "objects", "--format", "imagej-roi")
    features = json.loads((folder / f"out/{name}.geojson").read_text())["features"]
    assert [one["properties"]["classification"]["name"] for one in features] == ["cell", "cell"]
    with (folder / f"out/{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["area_px"], row["mean_1"]) for row in rows] == [("20", "13.0"), ("4", "13.0")]
    assert [float(row["area_um2"]) for row in rows] == [5, 1]
    assert [roi.name for roi in roiread(folder / f"out/{name}.zip")] == ["cell-1", "cell-2"]


def test_images_of_other_programs(folder):
    _export("a_probabilities.tif", "--format", "ome-tiff", "--format", "ome-zarr", "-o", "out")
    with tifffile.TiffFile(folder / "out/a_probabilities.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "CYX"
    read = read_ome_zarr(folder / "out/a_probabilities.ome.zarr")
    assert read.axes == "cyx"
    np.testing.assert_allclose(read.place.spacing, 0.5e-6)
    # What was written is taken as well.
    _export("out/a_probabilities.ome.zarr", "--format", "classes", "-o", "again")
    with (folder / "again/a_probabilities.classes.csv").open() as file:
        assert [row["pixels"] for row in csv.DictReader(file)] == ["1976", "24"]


def test_labels_of_a_batch_as_objects(folder):
    numbered = np.zeros((40, 50), np.uint8)
    numbered[0, 0] = numbered[9, 9] = 5
    picture = Picture(numbered, "yx", "b", PLACE)
    write_whole_labels(folder / "b.zarr", picture, LabelClasses((5,), ("five",)))
    _export("b.zarr", "--objects", "--format", "objects", "-o", "out")
    with (folder / "out/b.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["label"], row["area_px"]) == ("5", "2")


def test_what_is_there_is_kept_unless_asked(folder, capsys):
    arguments = ("a_refined.tif", "--format", "objects", "-o", "out")
    _export(*arguments)
    assert main(["export", *arguments]) == 2
    assert "--overwrite" in capsys.readouterr().err
    _export(*arguments, "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a_refined.tif", "a_probabilities.tif", "--image", "a.tif"), "one by one"),
        (("a_refined.tif", "--image", "small.tif"), "shape of the result"),
        (("missing.tif",), "missing.tif"),
        (("a_refined.tif", "--pixel-size-um", "-1"), "above 0"),
    ],
)
def test_what_cannot_be_is_told(folder, capsys, arguments, sentence):
    tifffile.imwrite(folder / "small.tif", np.zeros((33, 33), np.uint8))
    assert main(["export", *arguments, "--format", "objects", "-o", "out"]) == 2
    assert sentence in capsys.readouterr().err

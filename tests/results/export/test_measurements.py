"""Tables of objects and classes, against numbers counted by hand and by scikit-image."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.results.export import measurements
from napari_fcn_crf.results.export.measurements import (
    classes_table,
    large_objects_table,
    objects_table,
)
from napari_fcn_crf.results.export.object_sums import STATISTICS
from napari_fcn_crf.results.export.table import EXPORTS, export_for, named_like, write_result


def test_objects_of_classes(result):
    table = objects_table(result)
    assert table["label"] == [1, 2, 3]
    assert table["class"] == [3, 3, 7]
    assert table["class_name"] == ["nucleus", "nucleus", "µ-stroma"]
    assert table["area_px"] == [100 - 12, 16, 80]
    np.testing.assert_allclose(table["area_um2"], [88 / 8, 2, 10])
    assert (table["centroid_y_px"][1], table["centroid_x_px"][1]) == (21.5, 31.5)
    assert (table["centroid_y_um"][1], table["centroid_x_um"][1]) == (21.5 / 4, 31.5 / 2)
    assert (table["min_1"][1], table["max_1"][1]) == (20 * 50 + 30, 23 * 50 + 33)
    assert table["mean_1"][1] == pytest.approx(21.5 * 50 + 31.5)
    assert table["mean_2"] == [30, 30, 70]


def test_classes(result):
    table = classes_table(result)
    assert table["class_name"] == ["background", "nucleus", "µ-stroma"]
    assert table["objects"] == [0, 2, 1]
    assert table["pixels"] == [2000 - 88 - 16 - 80, 104, 80]
    assert sum(table["fraction"]) == pytest.approx(1)
    np.testing.assert_allclose(table["area_um2"][1:], [13, 10])
    assert table["max_2"] == [0, 30, 70]


def test_numbered_objects_keep_their_numbers(result):
    labels = np.zeros((8, 8), np.uint16)
    labels[0, 0] = labels[7, 7] = 500
    labels[3, 3] = 12
    of_class = LabelClasses((1,), ("cell",))
    objects = replace(
        result, picture=Picture(labels, "yx"), classes=of_class, meaning="objects", image=None
    )
    table = objects_table(objects)
    assert table["label"] == [12, 500]
    assert table["area_px"] == [1, 2]
    assert table["class_name"] == ["cell", "cell"]
    assert "area_um2" not in table
    assert classes_table(objects)["objects"] == [0, 2]


def test_volumes_are_measured_frame_by_frame(result):
    labels = np.zeros((2, 4, 6, 6), np.uint8)
    labels[0, 1:3, :2, :2] = 3
    labels[1, :, 4:, 4:] = 3
    labels[1, 0, 0, 0] = 7
    place = Place(np.diag([1.0, 2e-6, 1e-6, 1e-6, 1.0]), ("second", *("meter",) * 3))
    movie = replace(result, picture=Picture(labels, "tzyx", place=place), image=None)
    table = objects_table(movie)
    assert table["frame"] == [0, 1, 1]
    assert table["label"] == [1, 2, 3]
    assert dict(zip(table["volume_px"], table["class"], strict=True)) == {8: 3, 16: 3, 1: 7}
    np.testing.assert_allclose(table["volume_um3"][0], 16)
    assert table["centroid_z_um"][0] == 3


def numbered(result):
    """Two frames of a volume with objects over several blocks, numbered on, and their image."""
    rng = np.random.default_rng(0)
    labels = np.zeros((2, 3, 40, 50), np.uint32)
    labels[0, :2, 5:30, 5:20], labels[0, 1:, 10:39, 30:50] = 1, 2
    labels[1, :, 8:12, :], labels[1, 2, 20:, 3] = 3, 4
    place = Place(np.diag([1.0, 2e-6, 1e-6, 5e-7, 1.0]), ("second", *("meter",) * 3))
    image = Picture(rng.normal(size=(2, 2, *labels.shape[1:])).astype(np.float32), "tczyx")
    of_class = LabelClasses((7,), ("cell",))
    picture = Picture(labels, "tzyx", place=place)
    return replace(result, picture=picture, classes=of_class, meaning="objects", image=image)


def test_blocks_measure_what_the_whole_does(result, monkeypatch):
    objects = numbered(result)
    whole = objects_table(objects)
    monkeypatch.setattr(measurements, "_BLOCK_PX", 16)
    found = large_objects_table(objects, 4)
    assert list(found) == list(whole)
    assert found["label"] == [1, 2, 3, 4]
    for name, values in whole.items():
        if name == "class_name":
            assert found[name] == values == ["cell"] * 4
        else:
            np.testing.assert_allclose(found[name], values, rtol=1e-12, err_msg=name)


def test_what_is_measured_is_what_scikit_image_measures(result):
    objects = numbered(result)
    table = objects_table(objects)
    labels, image = objects.picture.array[0], np.moveaxis(objects.image.array[0], 0, -1)
    properties = ("label", "area", "centroid", *(f"intensity_{one}" for one in STATISTICS))
    expected = regionprops_table(labels, image.astype(float), properties)
    names = {"volume_px": "area"} | {
        f"centroid_{axis}_px": f"centroid-{at}" for at, axis in enumerate("zyx")
    }
    for channel in range(2):
        names |= {f"{one}_{channel + 1}": f"intensity_{one}-{channel}" for one in STATISTICS}
    for name, theirs in names.items():
        np.testing.assert_allclose(table[name][:2], expected[theirs], rtol=1e-12, err_msg=name)


def test_csv(result, tmp_path):
    path = tmp_path / "a.csv"
    write_result(result, path, export_for(path))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class_name"] for row in rows] == ["nucleus", "nucleus", "µ-stroma"]
    assert float(rows[1]["area_um2"]) == 2


def test_nothing_but_background(result, tmp_path):
    empty = replace(result, picture=replace(result.picture, array=np.zeros((40, 50), np.uint8)))
    assert objects_table(empty)["label"] == []
    assert classes_table(empty)["pixels"] == [2000, 0, 0]
    for one in EXPORTS:
        write_result(empty, tmp_path / f"a{one.suffixes[0]}", one)


def test_the_longest_ending_says_the_format(tmp_path):
    for one in EXPORTS:
        for suffix in one.suffixes:
            assert export_for(tmp_path / f"A b.C{suffix.upper()}") is one
        assert named_like(tmp_path / "a.b", one).name == f"a.b{one.suffixes[0]}"
        assert named_like(tmp_path / f"a{one.suffixes[-1]}", one).name == f"a{one.suffixes[-1]}"
    with pytest.raises(ValueError, match=r"ends in none of \.ome\.tif"):
        export_for(tmp_path / "a.txt")


def test_probabilities_are_labels_where_a_format_knows_labels_alone(probabilities, tmp_path):
    path = tmp_path / "a.csv"
    write_result(probabilities, path, export_for(path))
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["area_px"] for row in csv.DictReader(file)] == ["88", "16", "80"]

"""OME-Zarr as its validator, this package and zarr read it."""

from dataclasses import replace

import numpy as np
import pytest
import zarr
from yaozarrs import validate_zarr_store

from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.results.export.ome_zarr import write


def test_labels(result, labels, tmp_path):
    path = tmp_path / "a.ome.zarr"
    write(result.labels(), path)
    validate_zarr_store(str(path))
    read = read_ome_zarr(path)
    np.testing.assert_array_equal(np.asarray(read.array), labels)
    np.testing.assert_allclose(read.place.spacing, (0.25e-6, 0.5e-6))
    said = zarr.open(str(path), mode="r").attrs["image-label"]
    assert said["properties"][1] == {"label-value": 3, "class": "nucleus"}
    assert said["colors"][2] == {"label-value": 7, "rgba": [0, 51, 255, 255]}


def test_a_class_says_nothing_of_objects_with_its_number(result, tmp_path):
    write(replace(result.labels(), meaning="objects"), tmp_path / "a.ome.zarr")
    validate_zarr_store(str(tmp_path / "a.ome.zarr"))
    said = zarr.open(str(tmp_path / "a.ome.zarr"), mode="r").attrs["image-label"]
    assert not {"properties", "colors"} & set(said)


def test_probabilities(probabilities, tmp_path):
    path = tmp_path / "a.ome.zarr"
    write(probabilities, path)
    validate_zarr_store(str(path))
    read = read_ome_zarr(path)
    assert read.axes == "cyx"
    np.testing.assert_array_equal(np.asarray(read.array), probabilities.picture.array)
    np.testing.assert_allclose(read.place.spacing, (0.25e-6, 0.5e-6))
    channels = zarr.open(str(path), mode="r").attrs["omero"]["channels"]
    assert [one["label"] for one in channels] == ["background", "nucleus", "µ-stroma"]
    assert [one["color"] for one in channels] == ["000000", "FF0000", "0033FF"]


def test_what_is_there_is_replaced(result, labels, tmp_path):
    path = tmp_path / "a.ome.zarr"
    write(result.labels(), path)
    labels[:] = 7
    write(result.labels(), path)
    assert (np.asarray(read_ome_zarr(path).array) == 7).all()
    assert [one.name for one in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_a_folder_of_something_else_is_kept(result, tmp_path):
    kept = tmp_path / "a.zarr" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("all of it")
    with pytest.raises(ValueError, match="no OME-Zarr image"):
        write(result.labels(), kept.parent)
    assert kept.read_text() == "all of it"

"""OME-TIFF as tifffile, this package and ImageJ read it."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_fcn_crf.data.image_files import read_label_picture, read_probabilities
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.results.export.ome_tiff import write

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def _pixels(path) -> ElementTree.Element:
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        root = ElementTree.fromstring(file.ome_metadata)
    found = root.find(f"{OME}Image/{OME}Pixels")
    assert found is not None
    return found


def _annotations(path) -> dict[str, str]:
    with tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata)
    return {one.attrib["K"]: one.text for one in root.iter(f"{OME}M")}


def _as_imagej(path) -> dict:
    """Read what ij.io.TiffDecoder reads: of the first directory, the tags that it knows."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert all(other.shape == page.shape for other in file.pages), "one stack"
        # Compression that ij.io.ImageReader decodes: none, LZW, deflate, pack bits.
        assert page.compression in (1, 5, 8, 32773, 32946)
        assert page.tags.valueof(317, default=1) == 1, "no predictor"
        read = {"bits": page.bitspersample, "kind": page.dtype.kind, "images": len(file.pages)}
        colours = page.tags.get(320)
        # A table of any other length is passed over, and so it is where gray is not by palette.
        if colours is not None and colours.count == 768 and page.photometric == 3:
            table = np.array(colours.value).reshape(3, 256) // 256
            read["lut"] = table.T
        for name, code in (("pixelWidth", 282), ("pixelHeight", 283)):
            count, length = page.tags.valueof(code)
            read[name] = length / count
        read["unit"] = {1: "", 2: "inch", 3: "cm"}[page.tags.valueof(296)]
    return read


def test_labels(result, labels, tmp_path):
    path = tmp_path / "a.ome.tif"
    write(result.labels(), path)
    read = tifffile.imread(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, labels)
    said = _pixels(path).attrib
    assert (said["Type"], said["SizeY"], said["SizeX"]) == ("uint8", "40", "50")
    assert (said["PhysicalSizeY"], said["PhysicalSizeX"]) == ("0.25", "0.5")
    assert said["PhysicalSizeXUnit"] == said["PhysicalSizeYUnit"] == "µm"
    assert _annotations(path) == {
        "class 0": "background",
        "colour 0": "#000000",
        "class 3": "nucleus",
        "colour 3": "#ff0000",
        "class 7": "µ-stroma",
        "colour 7": "#0033ff",
    }


def test_labels_in_imagej(result, tmp_path):
    write(result.labels(), tmp_path / "a.ome.tif")
    read = _as_imagej(tmp_path / "a.ome.tif")
    assert (read["bits"], read["kind"], read["images"], read["unit"]) == (8, "u", 1, "cm")
    assert read["pixelWidth"] == pytest.approx(0.5e-4)
    assert read["pixelHeight"] == pytest.approx(0.25e-4)
    assert read["lut"][3].tolist() == [255, 0, 0]
    assert read["lut"][7].tolist() == [0, 51, 255]


def test_this_package_reads_them_again(result, labels, probabilities, tmp_path):
    write(result.labels(), tmp_path / "a.ome.tif")
    read = read_label_picture(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read.array, labels)
    np.testing.assert_allclose(read.place.spacing, (0.25e-6, 0.5e-6))
    write(probabilities, tmp_path / "b.ome.tif")
    again = read_probabilities(tmp_path / "b.ome.tif")
    np.testing.assert_array_equal(again.values, probabilities.picture.array)


def test_probabilities(probabilities, tmp_path):
    path = tmp_path / "a.ome.tif"
    write(probabilities, path)
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "CYX"
        np.testing.assert_array_equal(file.asarray(), probabilities.picture.array)
    channels = _pixels(path).findall(f"{OME}Channel")
    assert [one.attrib["Name"] for one in channels] == ["background", "nucleus", "µ-stroma"]
    packed = [int(one.attrib["Color"]) % 2**32 for one in channels]
    assert packed == [0x000000FF, 0xFF0000FF, 0x0033FFFF]
    read = _as_imagej(path)
    assert (read["bits"], read["kind"], read["images"]) == (32, "f", 3)


@pytest.mark.parametrize(
    ("highest", "kind", "has_lut"), [(255, "uint8", True), (256, "uint16", False)]
)
def test_the_smallest_type_is_taken(result, labels, tmp_path, highest, kind, has_lut):
    labels[0, 0] = highest
    picture = replace(result.picture, array=labels)
    write(replace(result, picture=picture, meaning="objects").labels(), tmp_path / "a.ome.tif")
    assert tifffile.imread(tmp_path / "a.ome.tif").dtype == kind
    read = _as_imagej(tmp_path / "a.ome.tif")
    assert ("lut" in read) == has_lut
    if has_lut:
        assert len({tuple(colour) for colour in read["lut"].tolist()}) > 200


def test_a_movie_of_volumes(result, tmp_path):
    array = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    place = Place(np.diag([2.0, 1e-6, 0.5e-6, 0.5e-6, 1.0]), ("second", *("meter",) * 3))
    movie = replace(result, picture=Picture(array, "tzyx", place=place), image=None)
    write(movie, tmp_path / "a.ome.tif")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), array)
    said = _pixels(tmp_path / "a.ome.tif").attrib
    assert (said["PhysicalSizeZ"], said["TimeIncrement"]) == ("1.0", "2.0")
    assert _as_imagej(tmp_path / "a.ome.tif")["images"] == 6


def test_labels_of_64_bits_are_refused(result, labels):
    labels[0, 0] = 2**40
    with pytest.raises(ValueError, match="32 bits at most"):
        replace(result, picture=replace(result.picture, array=labels)).labels()

"""ROIs as roifile reads ImageJ's format."""

from dataclasses import replace

import numpy as np
import pytest
from roifile import ROI_TYPE, ImagejRoi, roiread

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.results.export.imagej_roi import write
from napari_fcn_crf.results.export.outlines import doubled_area


@pytest.fixture
def rois(result, tmp_path) -> list[ImagejRoi]:
    write(result.labels(), tmp_path / "a.zip")
    return roiread(tmp_path / "a.zip")


def test_names_and_colours(rois):
    assert [one.name for one in rois] == ["nucleus-1", "nucleus-2", "µ-stroma-3"]
    assert [one.stroke_color for one in rois] == [
        b"\xff\xff\x00\x00",
        b"\xff\xff\x00\x00",
        b"\xff\x00\x33\xff",
    ]


def test_a_square_is_a_traced_outline(rois):
    square = rois[1]
    assert square.roitype == ROI_TYPE.TRACED
    assert square.coordinates().tolist() == [[30, 20], [34, 20], [34, 24], [30, 24]]
    assert (square.left, square.top, square.right, square.bottom) == (30, 20, 34, 24)


def test_holes_are_parts_of_a_composite(rois):
    ring = rois[0]
    assert ring.composite
    parts = ring.coordinates(multi=True)
    areas = [doubled_area(np.asarray(part)[:-1].astype(int)) / 2 for part in parts]
    assert areas == [100, -12]


def test_planes_and_names_of_files(result, tmp_path):
    stack = np.zeros((3, 8, 8), np.uint8)
    stack[1, :2, :2] = stack[2, :2, :2] = 3
    classes = replace(result.classes, names=("background", "a/b:c", "other"))
    one = replace(result, picture=Picture(stack, "zyx"), classes=classes, image=None)
    write(one, tmp_path / "a.zip")
    read = roiread(tmp_path / "a.zip")
    assert [(roi.name, roi.position) for roi in read] == [("a_b_c-1", 2), ("a_b_c-2", 3)]
    # An object that goes through two planes is a ROI in each, of names of their own.
    write(replace(one, meaning="objects"), tmp_path / "b.zip")
    names = [roi.name for roi in roiread(tmp_path / "b.zip")]
    assert len(set(names)) == 2

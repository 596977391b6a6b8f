"""Outlines go along the edges of pixels: what is inside them is what was outlined."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path

from napari_fcn_crf.results.export.outlines import doubled_area, outlines_of, polygons_of


def _inside(polygons, shape) -> np.ndarray:
    """Return which pixels have their centres inside, by the number of rings around each."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    around = np.zeros(len(centres), int)
    for polygon in polygons:
        for ring in polygon:
            around += Path(np.vstack([ring, ring[:1]])).contains_points(centres)
    return (around % 2 == 1).reshape(shape)


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_outlines_hold_their_pixels(mask):
    polygons = polygons_of(mask)
    np.testing.assert_array_equal(_inside(polygons, mask.shape), mask)
    areas = [[doubled_area(ring) for ring in polygon] for polygon in polygons]
    assert sum(map(sum, areas)) == 2 * mask.sum()
    for first, *holes in areas:
        assert first > 0
        assert all(hole < 0 for hole in holes)
    for polygon in polygons:
        for ring in polygon:
            assert len({tuple(corner) for corner in ring.tolist()}) == len(ring), "no point twice"
            steps = np.diff(np.vstack([ring, ring[:1]]), axis=0)
            assert ((steps == 0).sum(axis=1) == 1).all(), "along the edges, from turn to turn"


def test_pixels_that_touch_by_a_corner_are_two_pieces():
    polygons = polygons_of(np.eye(2, dtype=bool))
    assert [[ring.tolist() for ring in polygon] for polygon in polygons] == [
        [[[0, 0], [1, 0], [1, 1], [0, 1]]],
        [[[1, 1], [2, 1], [2, 2], [1, 2]]],
    ]


def test_each_region_of_a_class_is_an_object(result):
    found = list(outlines_of(result))
    assert [(one.value, one.number, one.index) for one in found] == [
        (3, 1, ()),
        (3, 2, ()),
        (7, 3, ()),
    ]
    ring, square, _ = (one.polygons for one in found)
    assert [len(polygon) for polygon in ring] == [2]
    assert square[0][0].tolist() == [[30, 20], [34, 20], [34, 24], [30, 24]]

"""Where pixels lie, and whether two pictures lie in the same place."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.place import SAME_WITHIN_PX, Place

NANO = np.diag([4e-9, 4e-9, 1.0])


def moved(matrix: np.ndarray, rows: float, columns: float) -> np.ndarray:
    """The same, so many of its pixels farther."""
    other = matrix.copy()
    other[:-1, -1] += matrix[:-1, :-1] @ (rows, columns)
    return other


def turned(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin, 3], [sin, cos, -7], [0, 0, 1]])


@pytest.mark.parametrize("matrix", [NANO, turned(30), np.diag([1e6, 2e6, 1])])
@pytest.mark.parametrize("pixels", [1.5, 0.5, 0.01])
def test_a_fraction_of_a_pixel_decides(matrix: np.ndarray, pixels: float) -> None:
    one, two = (Place(each, ("meter", "meter")) for each in (matrix, moved(matrix, pixels, 0)))
    assert one.distance_px(two, (40, 50)) == pytest.approx(pixels, rel=1e-3)
    assert (one.distance_px(two, (40, 50)) > SAME_WITHIN_PX) == (pixels > 0.1)


def test_a_small_rotation_shows_at_the_far_corner() -> None:
    one, two = Place(turned(0), ("pixel",) * 2), Place(turned(0.1), ("pixel",) * 2)
    assert one.distance_px(two, (10, 10)) < SAME_WITHIN_PX
    assert one.distance_px(two, (2000, 2000)) > 1


def test_without_a_unit_the_same_numbers_are_the_same_place() -> None:
    one, two = Place(NANO, ("meter",) * 2), Place(NANO, ("pixel",) * 2)
    assert one.distance_px(two, (9, 9)) == pytest.approx(0, abs=1e-9)
    assert one.distance_px(Place(2 * NANO, ("pixel",) * 2), (9, 9)) == pytest.approx(8)
    # The numbers that were given, not those in metres.
    in_nanometers = Place(NANO, ("meter",) * 2, (1e-9, 1e-9))
    bare = Place(np.diag([4.0, 4.0, 1.0]), ("pixel",) * 2)
    for pair in ((in_nanometers, bare), (bare, in_nanometers)):
        assert pair[0].distance_px(pair[1], (9, 9)) == pytest.approx(0, abs=1e-9)
    assert one.distance_px(bare, (9, 9)) > 1e6
    with pytest.raises(ValueError, match="meter against second"):
        one.distance_px(Place(NANO, ("second",) * 2), (9, 9))


def test_world_and_index_are_inverse() -> None:
    place = Place(turned(30), ("pixel",) * 2)
    points = np.random.default_rng(0).uniform(0, 100, (7, 2))
    np.testing.assert_allclose(place.to_index(place.to_world(points)), points, atol=1e-9)
    np.testing.assert_allclose(place.to_world((0, 0)), (3, -7))


def test_spacing_and_parts() -> None:
    place = Place(np.diag([1.0, 0.2, 0.3, 1.0]), ("meter",) * 3)
    assert place.spacing == pytest.approx((1.0, 0.2, 0.3))
    assert place.last(2).spacing == pytest.approx((0.2, 0.3))
    assert place.without(0).spacing == pytest.approx((0.2, 0.3))
    assert place.without(1).spacing == pytest.approx((1.0, 0.3))
    said = Place(place.matrix, place.units, (1.0, 1e-3, 1e-6))
    assert (said.last(2).said_in, said.without(1).said_in) == ((1e-3, 1e-6), (1.0, 1e-6))


def test_pixels_of_a_sheared_picture_are_as_long_as_a_step_along_its_axis() -> None:
    place = Place(np.array([[2.0, 0.75, 0], [0, 1.0, 0], [0, 0, 1]]), ("pixel",) * 2)
    assert place.spacing == pytest.approx((2.0, 1.25))

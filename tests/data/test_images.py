from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_fcn_crf.data.images import (
    IntensityMapping,
    check_image,
    check_not_constant,
    check_size,
    drop_alpha,
    planes,
    split_channels,
)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float16, np.float64])
def test_real_numbers_are_images(dtype: type) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    np.testing.assert_array_equal(check_image(array), array)


def test_lazy_arrays_are_computed() -> None:
    class Lazy:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.ones((3, 4))

    computed = check_image(Lazy())
    assert isinstance(computed, np.ndarray)
    np.testing.assert_array_equal(computed, np.ones((3, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(bad: float) -> None:
    array = np.zeros((4, 5))
    array[1, 2:4] = bad
    with pytest.raises(ValueError, match=r"2 of 20 are NaN or infinite.*nan_to_num"):
        check_image(array)


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no longer type"
)
def test_values_beyond_double_precision_are_told_as_infinite() -> None:
    array = np.zeros((4, 5), np.longdouble)
    array[1] = np.longdouble("1e4000")
    with pytest.raises(ValueError, match="5 of 20 are NaN or infinite"):
        check_image(array)
    assert check_image(0 * array).dtype == np.float64


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 5, 0)])
def test_too_few_axes_or_pixels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least two axes"):
        check_image(np.zeros(shape))


@pytest.mark.parametrize("dtype", [complex, "U3", "datetime64[s]"])
def test_other_types(dtype: str) -> None:
    with pytest.raises(TypeError, match="must hold real numbers"):
        check_image(np.zeros((4, 4), dtype))


def test_contrast() -> None:
    check_not_constant(np.eye(3))
    with pytest.raises(ValueError, match=r"every value in it is 2\.5"):
        check_not_constant(np.full((3, 3), 2.5))


@pytest.mark.parametrize(
    ("shape", "spatial", "expected"),
    [
        ((40, 50), None, ((40, 50, 1), (40, 50))),
        ((40, 50, 3), None, ((40, 50, 3), (40, 50))),
        ((40, 50, 4), None, ((40, 50, 4), (40, 50))),
        ((9, 40, 50), None, ((9, 40, 50, 1), (9, 40, 50))),
        ((40, 50, 7), (40, 50), ((40, 50, 7), (40, 50))),
        ((9, 40, 3), (9, 40, 3), ((9, 40, 3, 1), (9, 40, 3))),
        ((2, 40, 50, 3), (2, 40, 50), ((2, 40, 50, 3), (2, 40, 50))),
    ],
)
def test_channels(
    shape: tuple[int, ...], spatial: tuple[int, ...] | None, expected: tuple[tuple[int, ...], ...]
) -> None:
    image, found = split_channels(np.zeros(shape), spatial)
    assert (image.shape, found) == expected


def test_labels_of_another_shape_are_named() -> None:
    with pytest.raises(ValueError, match="the image is 40 x 50 and the labels are 50 x 40"):
        split_channels(np.zeros((40, 50)), (50, 40))


def test_alpha() -> None:
    eight_bit = np.zeros((5, 5, 4), np.uint8)
    assert drop_alpha(eight_bit).shape == (5, 5, 3)
    opaque = np.zeros((5, 5, 4))
    assert drop_alpha(opaque).shape == (5, 5, 4)
    opaque[..., 3] = 1
    assert drop_alpha(opaque).shape == (5, 5, 3)
    assert drop_alpha(np.ones((5, 5, 3))).shape == (5, 5, 3)


def test_size() -> None:
    check_size((32, 32))
    check_size((1, 32, 32))
    with pytest.raises(ValueError, match="but this one is 31 x 400"):
        check_size((99, 31, 400))


def test_eight_bit_passes_through() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(IntensityMapping.fit(image).apply(image), image)


def test_bool_becomes_black_and_white() -> None:
    image = np.array([[[False], [True]]])
    np.testing.assert_array_equal(IntensityMapping.fit(image).apply(image), [[[0], [255]]])


@given(
    hnp.arrays(
        np.float64,
        (6, 7, 2),
        elements=st.floats(-1e9, 1e9, allow_nan=False, width=32),
    ),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_other_types_do_not_depend_on_their_unit(
    image: np.ndarray, factor: float, offset: float
) -> None:
    mapped = IntensityMapping.fit(image).apply(image)
    assert mapped.dtype == np.float32
    assert mapped.min() >= -255
    assert mapped.max() <= 510
    # Beyond rounding: a spread far below the values' size is lost in float64 itself.
    spread = np.ptp(image, axis=(0, 1))
    if (spread > 1e-4 * (np.abs(image).max() + abs(offset / factor))).all():
        other = factor * image + offset
        np.testing.assert_allclose(
            IntensityMapping.fit(other).apply(other), mapped, atol=1e-2, rtol=1e-4
        )


def test_one_bright_spot_does_not_darken_the_rest() -> None:
    image = np.random.default_rng(0).uniform(100, 200, (100, 100, 1))
    image[0, 0] = 1e6
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.median(mapped) == pytest.approx(127.5, abs=5)
    assert mapped.max() == 510


def test_half_a_percent_of_the_values_lies_beyond_each_end() -> None:
    image = np.arange(2001.0).reshape(3, 667, 1)
    mapping = IntensityMapping.fit(image)
    assert (mapping.low, mapping.high) == ((10.0,), (1990.0,))
    np.testing.assert_allclose(mapping.apply(image), (image - 10) / 1980 * 255, atol=1e-3)


def test_a_constant_channel_is_mapped_without_a_warning() -> None:
    image = np.dstack([np.eye(8), np.full((8, 8), 3.0)])
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.isfinite(mapped).all()
    assert np.ptp(mapped[..., 1]) == 0


LARGEST = float(np.finfo(np.float64).max)


@pytest.mark.parametrize(
    ("darkest", "brightest", "dtype"),
    [
        (-LARGEST, LARGEST, np.float64),
        (-1e308, 1.2e308, np.float64),
        (1e308, 1.1e308, np.float64),
        (-3.4e38, 3.4e38, np.float32),
        (-6e4, 6.5e4, np.float16),
        (0, 1e-44, np.float32),
        (0, 1e-299, np.float64),
        (-(2.0**63), 2.0**62, np.int64),
    ],
)
def test_values_at_the_ends_of_their_type_are_mapped_like_any_others(
    darkest: float, brightest: float, dtype: type
) -> None:
    image = np.full((8, 8, 1), darkest, dtype)
    image[2:6] = brightest
    expected = np.zeros((8, 8, 1))
    expected[2:6] = 255
    np.testing.assert_allclose(IntensityMapping.fit(image).apply(image), expected, atol=1e-3)


@given(hnp.arrays(np.float64, (4, 5, 2), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_any_finite_values_are_mapped_to_numbers(image: np.ndarray) -> None:
    mapping = IntensityMapping.fit(image)
    assert mapping.is_sane
    mapped = mapping.apply(image)
    assert np.abs(mapped).max() <= IntensityMapping.FARTHEST


@pytest.mark.parametrize("value", [0.0, 7.0, 1e20, -LARGEST, LARGEST, 5e-324])
def test_a_constant_channel_of_any_size_is_mapped_to_a_constant(value: float) -> None:
    image = np.full((4, 4, 1), value)
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.isfinite(mapped).all()
    assert np.ptp(mapped) == 0


def test_planes() -> None:
    assert list(planes((4, 5))) == [()]
    assert list(planes((2, 2, 4, 5))) == [(0, 0), (0, 1), (1, 0), (1, 1)]

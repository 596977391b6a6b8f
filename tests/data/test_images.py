from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.images import check_image, check_not_constant, check_size, planes


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


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_counted(bad: float) -> None:
    array = np.zeros((4, 5))
    array[1, 2:4] = bad
    with pytest.raises(ValueError, match=r"2 of 20 are.*nan_to_num"):
        check_image(array)


def test_some_values_may_be_missing_but_not_all() -> None:
    array = np.zeros((4, 5))
    array[1, 2:4] = np.nan
    assert check_image(array) is array
    with pytest.raises(ValueError, match="all of them are NaN"):
        check_image(np.full((4, 5), np.nan))


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no longer type"
)
def test_values_beyond_double_precision_are_told_as_infinite() -> None:
    array = np.zeros((4, 5), np.longdouble)
    array[1] = np.longdouble("1e4000")
    with pytest.raises(ValueError, match="5 of 20 are"):
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


def test_size() -> None:
    check_size((32, 32))
    check_size((1, 32, 32))
    with pytest.raises(ValueError, match="but this one is 31 x 400"):
        check_size((99, 31, 400))


def test_planes() -> None:
    assert list(planes((4, 5))) == [()]
    assert list(planes((2, 2, 4, 5))) == [(0, 0), (0, 1), (1, 0), (1, 1)]

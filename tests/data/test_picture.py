"""What an array is taken for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.picture import Picture, as_picture, check_same_shape
from napari_fcn_crf.data.place import Place


@pytest.mark.parametrize(
    ("shape", "given", "axes", "channels"),
    [
        ((40, 50), {}, "yx", 1),
        ((40, 50, 3), {}, "yxc", 3),
        ((40, 50, 4), {}, "yxc", 4),
        ((40, 50, 2), {}, "yxc", 2),
        ((40, 50, 31), {}, "yxc", 31),
        ((40, 50, 32), {}, "zyx", 1),
        ((9, 40, 50), {}, "zyx", 1),
        ((5, 9, 40, 50), {}, "tzyx", 1),
        ((7, 5, 9, 40, 50), {}, "atzyx", 1),
        ((5, 9, 40, 50, 3), {}, "tzyxc", 3),
        ((40, 50, 7), {"spatial_shape": (40, 50)}, "yxc", 7),
        ((7, 40, 50), {"spatial_shape": (40, 50)}, "cyx", 7),
        ((9, 40, 3), {"spatial_shape": (9, 40, 3)}, "zyx", 1),
        ((1, 1, 40, 50), {"spatial_shape": (40, 50)}, "tzyx", 1),
        ((40, 50, 7), {"channels": 7}, "yxc", 7),
        ((7, 40, 50), {"channels": 7}, "cyx", 7),
        ((3, 40, 50), {"channels": 1}, "zyx", 1),
        ((2, 9, 40, 50), {"axes": "czyx"}, "czyx", 2),
        ((9, 2, 40, 50), {"axes": "ZCYX"}, "zcyx", 2),
    ],
)
def test_axes_of_arrays(
    shape: tuple[int, ...], given: dict[str, object], axes: str, channels: int
) -> None:
    picture = as_picture(np.zeros(shape), **given)
    assert (picture.axes, picture.channels) == (axes, channels)
    spatial = tuple(size for size, axis in zip(shape, axes, strict=True) if axis != "c")
    assert picture.spatial_shape == spatial
    assert picture.channels_last().shape == (*spatial, channels)


def test_channels_are_moved_and_not_mixed() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    last = as_picture(array, "zcyx").channels_last()
    np.testing.assert_array_equal(last[1, :, :, 2], array[1, 2])


def test_transparency_is_left_out_where_it_is_known() -> None:
    array = np.arange(40 * 50 * 4).reshape(40, 50, 4)
    picture = Picture(array, "yxc", alpha=True)
    assert picture.channels == 3
    np.testing.assert_array_equal(picture.channels_last(), array[..., :3])


def test_channels_can_be_chosen() -> None:
    array = np.arange(3 * 40 * 50).reshape(3, 40, 50)
    chosen = as_picture(array, "cyx").chosen_channels((2, 0))
    np.testing.assert_array_equal(chosen.channels_last(), np.moveaxis(array[[2, 0]], 0, -1))
    with pytest.raises(ValueError, match="from 0 to 2, but 3 was given"):
        as_picture(array, "cyx").chosen_channels((0, 3))


@pytest.mark.parametrize("axes", ["yx", "zzyx", "cyxz ", "czy", "1yx"])
def test_axes_that_the_array_does_not_have(axes: str) -> None:
    with pytest.raises(ValueError, match="one letter an axis"):
        as_picture(np.zeros((3, 40, 50)), axes)


def test_it_says_what_it_was_taken_for() -> None:
    assert as_picture(np.zeros((2, 30, 512, 400)), "czyx").describe() == (
        "2 channels, 30 planes, 512 x 400"
    )
    assert as_picture(np.zeros((1, 512, 400)), "tyx").describe() == (
        "1 channel, 1 frame, 512 x 400"
    )


def test_labels_may_lack_single_planes_but_nothing_else() -> None:
    picture = as_picture(np.zeros((1, 1, 40, 50)))
    check_same_shape(picture, (40, 50))
    check_same_shape(picture, (1, 40, 50))
    with pytest.raises(ValueError, match="the labels are 50 x 40"):
        check_same_shape(picture, (50, 40))
    with pytest.raises(ValueError, match="2 frames"):
        check_same_shape(as_picture(np.zeros((2, 1, 40, 50))), (40, 50))


def test_nothing_is_computed_before_pixels_are_needed() -> None:
    class Lazy:
        shape = (2, 40, 50)
        dtype = np.dtype(np.uint8)

        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise AssertionError("computed")

    picture = as_picture(Lazy(), "cyx")
    assert (picture.channels, picture.spatial_shape) == (2, (40, 50))
    with pytest.raises(AssertionError, match="computed"):
        picture.channels_last()


@pytest.mark.parametrize(
    ("axes", "after"),
    [("yxz", "zyx"), ("xy", "yx"), ("xyzt", "ztyx"), ("ycxz", "zcyx"), ("yxzc", "zyxc")],
)
def test_rows_and_columns_become_the_last(axes: str, after: str) -> None:
    array = np.arange(np.prod(range(3, 3 + len(axes)))).reshape(range(3, 3 + len(axes)))
    spatial = axes.replace("c", "")
    sizes = [1.0 + at for at in range(len(spatial))]
    picture = Picture(array, axes, place=Place(np.diag([*sizes, 1.0]), ("meter",) * len(spatial)))
    last = picture.rows_and_columns_last()
    assert last.axes == after
    np.testing.assert_array_equal(last.array, array.transpose([axes.index(one) for one in after]))
    before = dict(zip(spatial, sizes, strict=True))
    assert dict(zip(last.spatial_axes, last.place.spacing, strict=True)) == before
    assert last.rows_and_columns_last() is last


@pytest.mark.parametrize(
    ("axes", "remedy"), [("yxz", r"2, 0, 1\), and axes='zyx'"), ("xzy", "zyx")]
)
def test_planes_behind_rows_and_columns_are_refused_of_arrays(axes: str, remedy: str) -> None:
    """The network would take rows of the first plane for planes."""
    with pytest.raises(ValueError, match=remedy):
        as_picture(np.zeros((40, 50, 60)), axes)
    with pytest.raises(ValueError, match="y before x"):
        as_picture(Picture(np.zeros((40, 50, 60)), "zyx"), axes)

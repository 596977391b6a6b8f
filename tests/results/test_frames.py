"""Objects are told apart in each frame, and numbered on through all of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.results.frames import split_frames
from napari_fcn_crf.results.instances import split_instances


def disks(*centres: tuple[int, int], radius: float = 8) -> np.ndarray:
    """Return a plane of 48 x 64 pixels with disks of the class 3."""
    rows, columns = np.indices((48, 64))
    inside = [np.hypot(rows - row, columns - column) <= radius for row, column in centres]
    return np.where(np.any([np.zeros((48, 64), bool), *inside], axis=0), 3, 1).astype(np.uint8)


PAIR, SPECK, EMPTY = disks((20, 20), (20, 32)), disks((10, 50), radius=4), disks()


def split(labels: np.ndarray, axes: str, *arguments: object, **options: object) -> np.ndarray:
    out = np.zeros(labels.shape, np.int32)
    count = split_frames(Picture(labels, axes), 3, *arguments, out=out, **options)
    assert set(np.unique(out)) <= set(range(count + 1))
    assert count == out.max()
    return out


def test_numbers_go_on_from_frame_to_frame():
    found = split(np.stack([PAIR, EMPTY, PAIR]), "tyx")
    np.testing.assert_array_equal(found[0], split_instances(PAIR, 3))
    assert not found[1].any()
    np.testing.assert_array_equal(found[2], np.where(found[0] > 0, found[0] + 2, 0))


def test_the_typical_object_is_that_of_all_frames():
    # Alone, the speck is the typical object of its image; beside disks it is none.
    small = disks((10, 50), radius=3.2)
    assert split(small, "yx").max() == 1
    big = disks((24, 24), radius=16)
    assert split(np.stack([big, small]), "tyx").max() == 1
    assert split(np.stack([big, small]), "tyx", 5).max() == 2


def test_planes_are_those_of_a_volume_unless_there_is_one():
    volume = np.stack([EMPTY, *[PAIR] * 15, EMPTY])
    np.testing.assert_array_equal(split(volume, "zyx"), split_instances(volume, 3))
    assert split(volume, "zyx").max() == 2
    np.testing.assert_array_equal(split(PAIR[None], "zyx")[0], split_instances(PAIR, 3))
    np.testing.assert_array_equal(
        split(np.stack([PAIR, SPECK])[:, None], "tzyx", 1)[:, 0],
        split(np.stack([PAIR, SPECK]), "tyx", 1),
    )


def test_probabilities_are_those_of_the_frame():
    # A pair without a waist: where its disks touch is told by the probabilities of one frame alone.
    bar = disks(*((20, column) for column in range(16, 44)))
    inside = np.stack([np.ones(bar.shape, np.float32)] * 2)
    inside[1, :, 29:31] = 0.6
    found = split(np.stack([bar, bar]), "tyx", inside=inside)
    assert [len(np.unique(frame)) - 1 for frame in found] == [1, 2]


def test_it_is_told_and_stopped():
    told = []
    with pytest.raises(Cancelled):
        split(
            np.stack([PAIR, PAIR]),
            "tyx",
            on_progress=told.append,
            should_stop=lambda: len(told) == 3,
        )
    assert [(one.current, one.total) for one in told] == [(0, 4), (1, 4), (2, 4)]

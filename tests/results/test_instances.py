"""Touching objects come apart: at waists, at borders, and where probabilities are lower."""

import numpy as np
import pytest

from napari_fcn_crf.data.objects import object_classes
from napari_fcn_crf.results.instances import split_instances
from tests.labels import touching_squares


def _discs(scale: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return two discs that touch."""
    rows, columns = np.mgrid[: 60 * scale, : 100 * scale] / scale
    left = (rows - 30) ** 2 + (columns - 32) ** 2 < 20**2
    right = (rows - 30) ** 2 + (columns - 66) ** 2 < 20**2
    return left, right


@pytest.mark.parametrize("scale", [1, 3])
def test_touching_discs_come_apart_at_any_size(scale):
    left, right = _discs(scale)
    labels = np.where(left | right, 5, 2)
    instances = split_instances(labels, 5)
    assert set(np.unique(instances)) == {0, 1, 2}
    assert instances.dtype == np.int32
    np.testing.assert_array_equal(instances > 0, labels == 5)
    assert instances[30 * scale, 25 * scale] != instances[30 * scale, 73 * scale]
    columns = np.arange(labels.shape[1])
    for disc in (left & (columns < 40 * scale), right & (columns > 58 * scale)):
        assert len(np.unique(instances[disc])) == 1


def test_a_long_object_is_one():
    labels = np.zeros((30, 120), np.uint8)
    labels[10:20, 5:115] = 1
    assert set(np.unique(split_instances(labels, 1))) == {0, 1}


def test_probabilities_tell_what_labels_do_not():
    labels = np.zeros((30, 60), np.uint8)
    labels[10:20, 10:50] = 1
    inside = np.where(labels == 1, 0.99, 0.01)
    inside[:, 29:31] *= 0.6
    assert set(np.unique(split_instances(labels, 1))) == {0, 1}
    instances = split_instances(labels, 1, inside=inside)
    np.testing.assert_array_equal(instances > 0, labels == 1)
    assert len({int(instances[15, 15]), int(instances[15, 45])}) == 2


def test_borders_tell_touching_objects_apart():
    numbered = touching_squares()
    classes = object_classes(numbered, with_border=True)
    split = split_instances(classes, 1, border=2)
    np.testing.assert_array_equal(split > 0, numbered > 0)
    pairs = {(int(one), int(other)) for one, other in zip(split.flat, numbered.flat, strict=True)}
    assert len(pairs) == 3


def test_small_ones_join_what_they_touch_and_go_where_they_touch_nothing():
    left, _ = _discs()
    labels = left.astype(np.uint8)
    labels[28:33, 50:57] = labels[26:35, 55:64] = 1  # at the disc
    labels[2:9, 90:97] = 1  # alone
    apart = split_instances(labels, 1, minimum_px=1)
    assert len(np.unique(apart)) == 4
    np.testing.assert_array_equal(apart > 0, labels == 1)
    typical = split_instances(labels, 1)
    assert set(np.unique(typical)) == {0, 1}
    assert typical[30, 60] == 1
    assert typical[5, 93] == 0
    assert not split_instances(labels, 1, minimum_px=10**6).any()


def test_volumes():
    labels = np.zeros((16, 20, 36), np.uint8)
    at = np.stack(np.mgrid[:16, :20, :36], axis=-1)
    for centre in ((8, 10, 10), (8, 10, 24)):
        labels[((at - centre) ** 2).sum(axis=-1) < 64] = 1
    instances = split_instances(labels, 1)
    assert set(np.unique(instances)) == {0, 1, 2}
    assert instances[8, 10, 10] != instances[8, 10, 24]


def test_what_cannot_be_is_told():
    with pytest.raises(ValueError, match=r"label 9; found are 0, 3"):
        split_instances(np.array([[0, 3]]), 9)
    with pytest.raises(ValueError, match=r"found are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 90 more\."):
        split_instances(np.arange(100)[None], 100)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        split_instances(np.array([[0, 3]]), 3, minimum_px=0)
    with pytest.raises(ValueError, match="must have the same shape"):
        split_instances(np.array([[0, 3]]), 3, inside=np.zeros((3, 3)))

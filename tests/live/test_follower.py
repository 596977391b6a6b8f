"""What follows the strokes is what a training on them gives, whatever was there in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_fcn_crf.compute.plane_features import PlaneFeatures
from napari_fcn_crf.crf.live.region import Region
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.lazy_intensity import sampled
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.live import follower as module
from napari_fcn_crf.live import patch
from napari_fcn_crf.live.follower import Asked, Followed, Follower, Painted
from napari_fcn_crf.pipeline.plane_features import feature_extractor
from napari_fcn_crf.pipeline.segmenter import Segmenter
from napari_fcn_crf.settings import CRFSettings, TrainingSettings

Array = npt.NDArray[Any]
EVERYTHING = ((0.0, 0.0), (1e5, 1e5))
SMALL = replace(CRFSettings.paper(), gaussian_sigma_px=2, bilateral_sigma_px=8, iterations=3)


@pytest.fixture(scope="module")
def extractor() -> Any:
    return feature_extractor(TrainingSettings(), 3)


@pytest.fixture
def follower() -> Follower:
    return Follower(lambda pictures: [IntensityMapping.fit(sampled(one)) for one in pictures])


def _compute(extractor: Any, plane: Array) -> PlaneFeatures:
    values = np.empty((*plane.shape[:2], extractor.width), np.uint16)
    columns, moments = extractor.columns(plane, values, 1024)
    kept = extractor.kept
    return PlaneFeatures(
        values, columns.unit, *moments.sums, kept.gain, kept.epsilon, kept.sharpness
    )


def _asked(picture: Picture, labels: Array, *more: Painted, **changes: Any) -> Asked:
    painted = (Painted("first", picture, labels), *more)
    index = (0,) * (len(picture.spatial_shape) - 2)
    asked = Asked(painted, index, EVERYTHING, TrainingSettings(), SMALL, at_rest=True)
    return replace(asked, **changes)


def _followed(follower: Follower, extractor: Any, asked: Asked) -> Followed:
    follower.turn_to(asked)
    for _ in range(20):
        wanted = follower.wanted(asked)
        if not wanted:
            break
        follower.keep(wanted[0], _compute(extractor, follower.pixels(wanted[0])))
        follower.turn_to(asked)
    found = follower.follow(asked)
    assert found is not None
    return found


def test_after_all_changes_it_is_what_the_segmenter_gives(
    follower: Follower, extractor: Any, tiny_image: Array, tiny_labels: Array
) -> None:
    picture, labels = Picture(tiny_image, "yxc"), tiny_labels.copy()
    asked = _asked(picture, labels)
    first = _followed(follower, extractor, asked)
    labels[50:55, 10:60] = 9
    assert follower.wanted(asked) == []
    assert set(_followed(follower, extractor, asked).class_values) == {3, 7, 9}
    labels[labels == 9] = 0
    labels[52:56, 5:40] = 3
    found = _followed(follower, extractor, asked)
    assert found.is_whole
    assert not np.array_equal(found.labels, first.labels)
    segmenter = Segmenter(tiny_image, crf=SMALL)
    np.testing.assert_array_equal(found.labels, segmenter.update(labels))
    np.testing.assert_allclose(found.marginals, segmenter.marginals, atol=1e-3)
    np.testing.assert_allclose(found.probabilities, segmenter.probabilities, atol=1e-3)


def test_one_class_alone_is_waited_with(
    follower: Follower, extractor: Any, tiny_image: Array, tiny_labels: Array
) -> None:
    asked = _asked(Picture(tiny_image, "yxc"), np.where(tiny_labels == 7, 7, 0))
    follower.turn_to(asked)
    follower.keep(
        follower.wanted(asked)[0], _compute(extractor, follower.pixels(follower.wanted(asked)[0]))
    )
    follower.turn_to(asked)
    assert follower.follow(asked) is None
    assert follower.class_values == (7,)


def test_a_sampled_copy_comes_first_and_all_of_it_then(
    follower: Follower,
    extractor: Any,
    tiny_image: Array,
    tiny_labels: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, columns = tiny_labels.shape
    monkeypatch.setattr(patch, "LONGEST_PX", rows * columns // 2)
    monkeypatch.setattr(patch, "DRAFT_PX", rows * columns // 4)
    asked = _asked(Picture(tiny_image, "yxc"), tiny_labels)
    follower.turn_to(asked)
    draft, exact = follower.wanted(asked)
    assert (draft.region.step, exact.region.step) == (2, 1)
    follower.keep(draft, _compute(extractor, follower.pixels(draft)))
    follower.turn_to(asked)
    early = follower.follow(asked)
    assert early is not None
    assert not early.is_whole
    assert early.region == Region((0, rows), (0, columns), 2)
    found = _followed(follower, extractor, asked)
    assert found.is_whole
    agree = early.labels == found.labels[::2, ::2]
    assert agree.mean() > 0.8
    segmenter = Segmenter(tiny_image, crf=SMALL)
    np.testing.assert_array_equal(found.labels, segmenter.update(tiny_labels))


def test_strokes_of_all_planes_count_also_when_their_features_are_gone(
    follower: Follower,
    extractor: Any,
    tiny_image: Array,
    tiny_labels: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = np.stack([tiny_image, tiny_image[::-1], tiny_image[:, ::-1]])
    labels = np.zeros(stack.shape[:3], np.int32)
    labels[1][tiny_labels == 7] = 7
    labels[2][tiny_labels == 3] = 3
    expected = Segmenter(stack, axes="zyxc", crf=SMALL).update(labels, plane=(0,))
    # Two planes' at most.
    monkeypatch.setattr(module, "BUDGET_BYTES", 2 * tiny_labels.size * 192)
    asked = _asked(Picture(stack, "zyxc"), labels)
    found = _followed(follower, extractor, asked)
    assert len(follower._patches) <= 2
    assert found.is_whole
    np.testing.assert_array_equal(found.labels, expected)


def test_of_a_plane_that_is_too_large_what_is_seen_is_followed(
    follower: Follower,
    extractor: Any,
    tiny_image: Array,
    tiny_labels: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With strokes on another part, too, of which the surroundings are computed once."""
    image = np.tile(tiny_image, (8, 8, 1))
    labels = np.zeros(image.shape[:2], np.int32)
    side = tiny_labels.shape[0]
    labels[:side, : tiny_labels.shape[1]] = tiny_labels
    monkeypatch.setattr(module, "BUDGET_BYTES", labels.size * 192 - 1)
    seen = ((260.0, 260.0), (380.0, 380.0))
    asked = _asked(Picture(image, "yxc"), labels, corners=seen)
    found = _followed(follower, extractor, asked)
    assert not found.is_whole
    assert found.region.rows[0] <= 260
    assert found.region.rows[1] >= 380
    whole = Segmenter(image, crf=SMALL)
    rows, columns = (slice(*one) for one in (found.region.rows, found.region.columns))
    agree = found.labels == whole.update(labels)[rows, columns]
    assert agree.mean() > 0.95
    labels[300:304, 300:330] = 9
    assert follower.wanted(asked) == []
    changed = _followed(follower, extractor, asked)
    assert (changed.labels[300 - changed.region.rows[0], 310 - changed.region.columns[0]]) == 9
    everything = replace(asked, corners=EVERYTHING)
    monkeypatch.setattr(module, "LARGEST_WINDOW_PX", 1000)
    assert follower.is_too_large(everything)
    assert follower.follow(everything) is None


def test_strokes_on_another_picture_count_and_go_with_it(
    follower: Follower, extractor: Any, tiny_image: Array, tiny_labels: Array
) -> None:
    one, other = (np.where(tiny_labels == value, value, 0) for value in (7, 3))
    turned = Painted("second", Picture(tiny_image[::-1], "yxc"), other[::-1])
    asked = _asked(Picture(tiny_image, "yxc"), one, turned)
    assert set(np.unique(_followed(follower, extractor, asked).labels)) == {3, 7}
    follower.turn_to(_asked(Picture(tiny_image, "yxc"), one))
    assert follower.follow(asked) is None
    assert len(follower._patches) == 1

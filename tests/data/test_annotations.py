from __future__ import annotations

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_fcn_crf.data import label_statistics
from napari_fcn_crf.data.annotation_summary import (
    check_trainable,
    class_counts,
    statistics_of,
    summarize,
)
from napari_fcn_crf.data.annotations import IGNORE, as_label_array, class_indices, guess_label_mode
from napari_fcn_crf.data.label_statistics import count_labels, count_values
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import LabelMode


def counted(labels: np.ndarray, mode: LabelMode) -> dict[int, int]:
    (statistics,) = statistics_of([labels], mode)
    return class_counts(statistics, mode)


LABELS = np.array([[0, 0, 0, 0], [7, 7, 0, 3], [0, 0, 0, 0]])


def test_counts() -> None:
    assert counted(LABELS, "scribbles") == {3: 1, 7: 2}
    assert counted(LABELS, "mask") == {0: 9, 3: 1, 7: 2}


@pytest.mark.parametrize("values", [[-5, 3], [0, 70_000], [2**40, -(2**40)]])
def test_any_values_are_counted(values: list[int]) -> None:
    assert counted(np.array([values]), "mask") == dict.fromkeys(sorted(values), 1)


@pytest.mark.parametrize("shape", [(7,), (5, 9), (4, 3, 5), (2, 3, 2, 3), (0, 4)])
def test_blocks_count_every_pixel_once(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.random.default_rng(0).integers(-2, 3, shape)
    values, counts = np.unique(labels, return_counts=True)
    expected = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for at_once in (1, 7, 100):
        monkeypatch.setattr(label_statistics, "_COUNTED_AT_ONCE", at_once)
        assert count_values(labels) == expected
        assert count_values(np.swapaxes(labels, 0, -1)) == expected


def test_a_lazy_array_is_counted_chunk_by_chunk() -> None:
    read = []

    def plane(block_info: dict) -> np.ndarray:
        place = block_info[None]["array-location"]
        read.append(tuple(place))
        return np.full([last - first for first, last in place], len(read))

    lazy = dask.array.map_blocks(
        plane, chunks=((2, 2, 1), (3, 3)), dtype=int, meta=np.empty((0, 0), int)
    )
    assert count_values(lazy) == {1: 6, 2: 6, 3: 6, 4: 6, 5: 3, 6: 3}
    assert len(read) == len(set(read)) == 6


def test_counting_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        count_values(LABELS, lambda: True)


def test_counts_of_several_images_add_up() -> None:
    one, other = statistics_of([LABELS, LABELS == 7], "scribbles")
    assert class_counts(one + other, "scribbles") == {1: 2, 3: 1, 7: 2}


def test_bool_and_unsigned_labels() -> None:
    assert as_label_array(LABELS > 0).dtype.kind == "u"
    assert counted(LABELS > 0, "mask") == {0: 9, 1: 3}


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_labels_stay_apart(dtype: type) -> None:
    """Floating point could not tell these."""
    values = (0, 2**63 - 2, 2**63 - 1)
    labels = np.array([[0, 2**63 - 1], [2**63 - 2, 2**63 - 2]], dtype)
    assert counted(labels, "mask") == dict(zip(values, (1, 2, 1), strict=True))
    indices = class_indices(labels, values, "mask")
    np.testing.assert_array_equal(indices, [[0, 2], [1, 1]])
    np.testing.assert_array_equal(as_label_values(values)[indices], labels.astype(np.int64))


def test_labels_that_no_signed_number_holds_are_refused() -> None:
    with pytest.raises(ValueError, match=f"below 2\\^63, but {2**64 - 1} was found"):
        counted(np.array([0, 2**64 - 1], np.uint64), "mask")


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"whole numbers, but their type is float64"):
        as_label_array(LABELS / 2)


def test_guess() -> None:
    assert guess_label_mode(count_values(LABELS)) == "scribbles"
    assert guess_label_mode(count_values(LABELS == 7)) == "mask"
    assert guess_label_mode({0: 16}) == "scribbles"
    assert guess_label_mode({0: 2, 1: 1, 2: 1}) == "mask"
    assert guess_label_mode({0: 3, 1: 1, 2: 1}) == "scribbles"


@pytest.mark.parametrize(
    ("counts", "mode", "sentence"),
    [
        ({}, "scribbles", "the labels are empty"),
        ({0: 16}, "mask", "the labels are empty"),
        ({4: 2}, "scribbles", r"only label 4 was found \(2 pixels\)\. Paint a few strokes"),
        ({4: 2}, "mask", r"only label 4 was found \(2 pixels\)\. Paint a second class"),
    ],
)
def test_what_cannot_be_trained_on(counts: dict[int, int], mode: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_trainable(counts, mode)


def test_what_can_be_trained_on() -> None:
    check_trainable({0: 5, 9: 1}, "mask")
    check_trainable({1: 1, 2: 1}, "scribbles")


@given(
    hnp.arrays(np.int64, (5, 6), elements=st.integers(-3, 4)),
    st.sampled_from(["scribbles", "mask"]),
)
def test_indices_lead_back_to_the_labels(labels: np.ndarray, mode: str) -> None:
    values = tuple(counted(labels, mode))
    if not values:
        return
    indices = class_indices(labels, values, mode)
    annotated = indices != IGNORE
    np.testing.assert_array_equal(annotated, (labels != 0) | (mode == "mask"))
    np.testing.assert_array_equal(np.array(values)[indices[annotated]], labels[annotated])


def test_unknown_values_are_ignored() -> None:
    np.testing.assert_array_equal(
        class_indices(np.array([1, 2, 3, 9]), (2, 3), "mask"), [IGNORE, 0, 1, IGNORE]
    )


def test_summary() -> None:
    summary = summarize(count_labels(LABELS), "scribbles")
    assert summary.counts == {3: 1, 7: 2}
    assert summary.annotated_fraction == pytest.approx(3 / 12)
    assert summary.problem == ""
    assert "only label 1" in summarize(count_labels(LABELS == 7), "scribbles").problem

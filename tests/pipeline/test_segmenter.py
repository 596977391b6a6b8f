"""A segmenter's labels are those of training, prediction and refinement on the same strokes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.pipeline import segmenter as module
from napari_fcn_crf.pipeline.segmenter import Segmenter

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]

GENTLE = nfc.CRFSettings.paper()
"""Fewer grey levels make more of what rounding leaves of a pixel that is undecided."""


def _in_three_steps(image: Image, labels: Labels) -> npt.NDArray[np.float32]:
    model = nfc.train(image, labels, nfc.TrainingSettings(iterations=0))
    probabilities = nfc.predict(model, image)
    annotated = class_indices(labels, model.card.class_values, "scribbles")
    return nfc.refine(image, probabilities, GENTLE, annotated=annotated)


def test_what_is_on_the_screen_is_what_training_gives(
    tiny_image: Image, tiny_labels: Labels
) -> None:
    """After strokes, an erased one, a class that came and went: as if all were painted at once."""
    segmenter = Segmenter(tiny_image, crf=GENTLE)
    labels = tiny_labels.copy()
    first = segmenter.update(labels)
    assert first.dtype == np.uint8
    assert set(np.unique(first)) <= {3, 7}

    labels[50:55, 10:60] = 9
    assert 9 in segmenter.update(labels)
    labels[labels == 9] = 0
    labels[52:56, 5:40] = 3
    refined = segmenter.update(labels)

    marginals = _in_three_steps(tiny_image, labels)
    np.testing.assert_allclose(segmenter.marginals, marginals, atol=1e-3)
    np.testing.assert_array_equal(refined[labels != 0], labels[labels != 0])
    assert not np.array_equal(refined, first)


def test_its_model_predicts_what_it_shows_and_is_saved_and_trained_further(
    tiny_image: Image, tiny_labels: Labels, tmp_path: Path
) -> None:
    segmenter = Segmenter(tiny_image)
    segmenter.update(tiny_labels)
    model = segmenter.model
    probabilities = nfc.predict(model, tiny_image)
    np.testing.assert_allclose(probabilities, segmenter.probabilities, atol=1e-3)
    nfc.save_model(model, tmp_path / "live.keras")
    opened = nfc.load_model(tmp_path / "live.keras")
    settings = nfc.TrainingSettings(iterations=2)
    further = nfc.train(tiny_image, tiny_labels, settings, resume=opened)
    assert len(further.card.losses) == 2


def test_strokes_of_all_planes_count_and_features_are_kept_within_bounds(
    tiny_image: Image, tiny_labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.stack([tiny_image, tiny_image[::-1], tiny_image[:, ::-1]])
    labels = np.zeros(stack.shape[:3], np.int32)
    labels[0][tiny_labels == 7] = 7
    labels[2][tiny_labels == 3] = 3
    segmenter = Segmenter(stack, axes="zyxc")
    one = segmenter.update(labels, plane=(1,))
    assert one.shape == tiny_labels.shape
    assert set(np.unique(one)) <= {3, 7}
    whole = segmenter.update(labels)
    np.testing.assert_array_equal(whole[1], one)

    monkeypatch.setattr(module, "BUDGET_BYTES", 1)
    bounded = Segmenter(stack, axes="zyxc")
    np.testing.assert_array_equal(bounded.update(labels), whole)
    assert len(bounded._planes) == 1


@pytest.mark.parametrize(
    ("value", "words"), [(0, "empty"), (7, "only label 7")], ids=["none", "one"]
)
def test_without_two_classes_it_says_what_is_missing(
    tiny_image: Image, value: int, words: str
) -> None:
    labels = np.zeros(tiny_image.shape[:2], np.uint8)
    labels[10:12, 10:30] = value
    with pytest.raises(ValueError, match=words):
        Segmenter(tiny_image).update(labels)


def test_a_head_that_is_not_solved_at_every_pixel_says_so(
    tiny_image: Image, tiny_labels: Labels
) -> None:
    settings = nfc.TrainingSettings(architecture="fcn32s")
    with pytest.raises(ValueError, match=r"FCN-32s .* is not\. Choose Hypercolumn"):
        Segmenter(tiny_image, settings).update(tiny_labels)
    with pytest.raises(ValueError, match="no iterations were asked for"):
        nfc.train(tiny_image, tiny_labels, replace(settings, weights="random", iterations=0))


def test_no_model_without_strokes(tiny_image: Image) -> None:
    with pytest.raises(ValueError, match=r"Call update\(\) first"):
        _ = Segmenter(tiny_image).model

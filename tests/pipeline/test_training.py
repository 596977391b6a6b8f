"""What training tells, keeps and measures on the way."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.cli.options import OneLineParser, add_settings, read_settings
from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.pipeline.training_input import check_training_input
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings
from tests.labels import cells, shown

FCN32S = TrainingSettings(architecture="fcn32s", weights="random")


@pytest.fixture(scope="module")
def halves() -> tuple[np.ndarray, np.ndarray]:
    """A dark half and a bright one, with three strokes on each."""
    image = np.random.default_rng(0).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    image[:, 32:] += 150
    strokes = np.zeros((64, 64), np.int32)
    for row in (8, 26, 44):
        strokes[row : row + 10, 5:9] = 2
        strokes[row : row + 10, 45:49] = 5
    return image, strokes


def test_what_was_solved_goes_on_with_steps(halves: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_fcn_crf.fcn.training import fit

    monkeypatch.setattr(fit, "STEPS", 2)
    solved = nfc.train(*halves)
    assert solved.card.losses == ()
    truth = np.where(np.arange(64) < 32, 2, 5)
    assert (solved.to_labels(nfc.predict(solved, halves[0])) == truth).mean() > 0.95
    assert len(nfc.train(*halves, resume=solved).card.losses) == 2


def test_a_model_that_nobody_needs_is_solved_anew(halves: Any) -> None:
    image, strokes = halves
    moved = np.roll(strokes, 6, axis=1)
    moved[30:34, 10:50] = 5
    before = nfc.train(image, strokes)
    expected = nfc.train(image[::-1], moved)
    found = nfc.train(image[::-1], moved, done_with=before)
    assert found.network is before.network
    assert found.card.record["weights"] == expected.card.record["weights"]
    np.testing.assert_array_equal(nfc.predict(found, image), nfc.predict(expected, image))
    # Of other classes, seeds, or steps it has to be another network.
    three = np.where(moved == 5, np.arange(64)[:, np.newaxis] % 2 + 5, moved)
    assert nfc.train(image, three, done_with=found).network is not found.network
    other = TrainingSettings(seed=1)
    assert nfc.train(image, strokes, other, done_with=found).network is not found.network
    stepped = nfc.train(image, strokes, TrainingSettings(iterations=1))
    assert nfc.train(image, strokes, done_with=stepped).network is not stepped.network


def test_the_best_weights_by_held_out_iou_are_kept(halves: Any) -> None:
    seen: list[Progress] = []
    settings = replace(FCN32S, iterations=20, validation_fraction=0.34, learning_rate=3e-3)
    model = nfc.train(*halves, settings, seen.append)
    measured = model.card.record["validation_iou"]
    assert [step for step, _ in measured] == [5, 10, 15, 20]
    told = [step.validation_iou for step in seen if step.validation_iou is not None]
    assert [list(iou) for iou in told] == [iou for _, iou in measured]
    means = [np.mean(iou) for _, iou in measured]
    assert model.card.record["kept_step"] == measured[int(np.argmax(means))][0]
    assert max(means) > 0.9


def test_whole_strokes_are_held_out(halves: Any) -> None:
    from napari_fcn_crf.fcn.batches.example import Example
    from napari_fcn_crf.fcn.training.validation import held_out_iou, hold_out

    image, strokes = halves
    indices = np.where(strokes == 0, IGNORE, np.where(strokes == 2, 0, 1)).astype(np.int32)
    example = hold_out(Example(image.astype(np.float32), indices), 0.34, seed=0)
    assert example.held_out is not None
    for index in (0, 1):
        assert (example.indices == index).sum() == 80
        assert (example.held_out == index).sum() == 40
    assert not ((example.indices != IGNORE) & (example.held_out != IGNORE)).any()

    single = np.where(np.arange(64)[:, None] < 20, indices, IGNORE).astype(np.int32)
    spared = hold_out(Example(image.astype(np.float32), single), 0.34, seed=0)
    assert (spared.indices == single).all()
    truth = np.array([0, 0, 2], np.int32)
    np.testing.assert_array_equal(
        held_out_iou(np.array([0, 1, 2]), truth, 4), [0.5, np.nan, 1, np.nan]
    )


def test_a_plateau_ends_the_training(halves: Any) -> None:
    settings = replace(FCN32S, iterations=500, patience=3, learning_rate=1e-12, dropout=0.9)
    model = nfc.train(*halves, settings)
    assert 4 <= len(model.card.losses) < 500
    assert model.card.record["ending"] == "The loss had not improved for 3 steps."
    best = int(np.argmin(model.card.losses))
    assert len(model.card.losses) - (best + 1) == 3


def test_time_left_shrinks_with_the_steps(halves: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_fcn_crf.fcn.training import fit

    now, left = [0.0], []

    def two_seconds(step: Progress) -> None:
        now[0] += 2
        if step.loss is not None:
            left.append(step.seconds_left)

    # A clock on which nothing else takes time.
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    nfc.train(*halves, replace(FCN32S, iterations=8), two_seconds)
    # The first step is left out, for it compiles the network.
    assert left == [None, None, 10, 8, 6, 4, 2, 0]


@pytest.mark.parametrize(
    ("took_s", "expected"),
    # Once a second; and where that would be more than a fifth of the time, more seldom.
    [(0.0, [0, 2, 4, 6, 8]), (1.0, [0, 8])],
)
def test_previews_are_few_and_leave_the_training_alone(
    halves: Any, monkeypatch: pytest.MonkeyPatch, took_s: float, expected: list[int]
) -> None:
    from napari_fcn_crf.fcn.training import preview

    image, strokes = halves
    stack, stack_strokes = np.stack([image, image]), np.stack([np.zeros_like(strokes), strokes])
    shown: list[np.ndarray] = []
    settings = replace(FCN32S, iterations=9)
    now, steps, at = [0.0], [0], []

    def half_a_second(step: Progress) -> None:
        if step.loss is not None:
            now[0] += 0.5
            steps[0] += 1

    def show(probabilities: np.ndarray) -> None:
        now[0] += took_s
        at.append(steps[0])
        shown.append(probabilities)

    # A clock on which nothing else takes time.
    monkeypatch.setattr(preview, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with_preview = nfc.train(stack, stack_strokes, settings, half_a_second, on_preview=show)
    assert at == expected
    assert shown[0].shape == (2, 64, 64)
    assert shown[0].dtype == np.float32
    np.testing.assert_allclose(shown[0].sum(axis=0), 1, atol=1e-5)
    assert nfc.train(stack, stack_strokes, settings).card.losses == with_preview.card.losses


def test_large_planes_have_no_preview(halves: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_fcn_crf.fcn.training import preview

    monkeypatch.setattr(preview, "LARGEST_SHOWN_PX", 64 * 64 - 1)
    shown: list[np.ndarray] = []
    nfc.train(*halves, replace(FCN32S, iterations=1), on_preview=shown.append)
    assert shown == []


def test_classes_are_named(halves: Any) -> None:
    one = replace(FCN32S, iterations=1)
    model = nfc.train(*halves, one, class_names={5: "bright", 7: "of another layer"})
    assert model.card.class_names == ("class 2", "bright")
    resumed = nfc.train(*halves, one, resume=model, class_names={2: "dark"})
    assert resumed.card.class_names == ("dark", "bright")


@pytest.mark.parametrize("mode", ["quick", "full"])
def test_augmented_training_learns(halves: Any, mode: str) -> None:
    settings = replace(FCN32S, iterations=40, augment=True, learning_rate=3e-3, dropout=0.2)
    model = nfc.train(*halves, replace(settings, mode=mode, architecture="fcn8s"))
    assert model.card.record["mode"] == mode
    probabilities = nfc.predict(model, halves[0])
    labels = model.to_labels(probabilities)
    annotated = halves[1] != 0
    assert (labels == halves[1])[annotated].mean() > 0.9


def test_augmentation_turns_image_and_annotation_alike(halves: Any) -> None:
    from napari_fcn_crf.fcn.batches.augmentation import Augmentation

    image, _ = halves
    indices = (image[..., 0] > 100).astype(np.int32)
    indices[:8] = IGNORE
    augmentation = Augmentation(seed=0)
    changed = [augmentation(image.astype(np.float32), indices, step) for step in range(6)]
    assert len({turned.tobytes() for turned, _ in changed}) == 6
    for turned, turned_indices in changed:
        assert turned.shape == image.shape
        assert turned.min() >= 0
        assert turned.max() <= 255
        annotated = turned_indices != IGNORE
        bright = turned[..., 0] > turned[annotated].mean()
        assert (bright == turned_indices)[annotated].mean() > 0.9
    again = Augmentation(seed=0)(image.astype(np.float32), indices, 3)
    np.testing.assert_array_equal(again[0], changed[3][0])
    np.testing.assert_array_equal(again[1], changed[3][1])


def test_options_of_the_command_line() -> None:
    parser = OneLineParser("train")
    add_settings(parser, "training", TrainingSettings)
    text = parser.format_help()
    for option in ("--mode", "--validation-fraction", "--patience", "--augment"):
        assert option in text
    given = ["--mode", "quick", "--validation-fraction", "0.2", "--patience", "9", "--augment"]
    settings = read_settings(parser.parse_args(given), TrainingSettings)
    assert (settings.mode, settings.validation_fraction) == ("quick", 0.2)
    assert (settings.patience, settings.augment) == (9, True)
    with pytest.raises(ValueError, match=r"validation_fraction must be a number from 0 to 0\.5"):
        TrainingSettings(validation_fraction=0.7)
    with pytest.raises(ValueError, match="patience must be a whole number of at least 0"):
        TrainingSettings(patience=-1)
    assert TrainingSettings.paper().mode == "full"


def test_labels_that_look_like_something_else_are_refused_unless_trusted() -> None:
    labels = cells(3, pitch=12)
    with pytest.raises(ValueError, match=r"9 labels.*labels='objects'.*trust_labels=True"):
        nfc.train(shown(labels), labels)
    checked = check_training_input(shown(labels), labels, replace(FCN32S, trust_labels=True))
    assert list(checked.counts) == list(range(1, 10))

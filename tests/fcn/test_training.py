from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.training.fit import (
    Example,
    TrainingResult,
    TrainingWatch,
    fit,
    image_order,
)
from napari_fcn_crf.fcn.training.loss import balancing_factors, make_targets
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings

fcn32s_settings = partial(TrainingSettings, architecture="fcn32s", weights="random")


def example(rows: int = 40, columns: int = 50) -> Example:
    """A noisy image whose right half is brighter, with a few pixels not annotated."""
    generator = np.random.default_rng(0)
    indices = np.zeros((rows, columns), np.int32)
    indices[:, columns // 2 :] = 1
    image = 60.0 + 120 * indices[..., np.newaxis] + generator.normal(0, 10, (rows, columns, 3))
    indices[:4] = IGNORE
    return Example(image.astype(np.float32), indices)


def reference_loss(logits: np.ndarray, indices: np.ndarray, factors: np.ndarray) -> float:
    """Return the summed cross-entropy over annotated pixels, straight from its definition."""
    total = 0.0
    for row, column in np.ndindex(*indices.shape):
        index = indices[row, column]
        if index != IGNORE:
            scores = logits[row, column].astype(np.float64)
            log_sum = np.log(np.exp(scores - scores.max()).sum()) + scores.max()
            total += factors[index] * (log_sum - scores[index])
    return total


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_first_loss_is_the_cross_entropy_of_annotated_pixels(
    reduction: str, class_weights: str
) -> None:
    settings = fcn32s_settings(
        iterations=1, dropout=0.0, loss_reduction=reduction, class_weights=class_weights
    )
    network, _ = build_network(settings, 3, 2)
    given = example(32, 64)
    logits = network.predict_on_batch(given.image[np.newaxis])[0]
    counts = np.array([28 * 32, 28 * 32])
    factors = balancing_factors(counts, class_weights)
    expected = reference_loss(logits, given.indices, factors)
    if reduction == "mean":
        expected /= (factors * counts).sum()
    (loss,) = fit(network, [given], 2, settings).losses
    assert loss == pytest.approx(expected, rel=1e-4)


def test_padding_does_not_count() -> None:
    """The loss of a 40 x 50 image is that of its pixels in the padded prediction."""
    settings = fcn32s_settings(iterations=1, dropout=0.0, loss_reduction="sum")
    network, _ = build_network(settings, 3, 2)
    given = example(40, 50)
    padded = np.pad(given.image, ((12, 12), (7, 7), (0, 0)), mode="reflect")
    logits = network.predict_on_batch(padded[np.newaxis])[0][12:-12, 7:-7]
    (loss,) = fit(network, [given], 2, settings).losses
    assert loss == pytest.approx(reference_loss(logits, given.indices, np.ones(2)), rel=1e-4)


def test_training_learns() -> None:
    settings = fcn32s_settings(iterations=30)
    network, _ = build_network(settings, 3, 2)
    result = fit(network, [example()], 2, settings)
    assert len(result.losses) == 30
    assert result.losses[-1] < 0.3 * result.losses[0]
    assert result.ending == "finished"


@pytest.mark.parametrize(("weights", "expected"), [("bundled", 0.1), ("random", 1.0)])
def test_learnt_convolutions_take_smaller_steps(weights: str, expected: float) -> None:
    changes = []
    for rate in (0.1, 1.0):
        settings = fcn32s_settings(
            weights=weights, backbone_rate=rate, mode="full", iterations=3, dropout=0.0
        )
        network, _ = build_network(settings, 3, 2)
        kernels = [network.get_layer(name).kernel for name in ("block5_conv1", "fc7")]
        before = [np.array(kernel) for kernel in kernels]
        fit(network, [example()], 2, settings)
        pairs = zip(kernels, before, strict=True)
        changes.append([np.abs(np.array(after) - earlier).max() for after, earlier in pairs])
    slow, fast = changes
    assert slow[0] / fast[0] == pytest.approx(expected, rel=0.2)
    assert slow[1] / fast[1] == pytest.approx(1, rel=0.2)
    assert fast[0] > 1e-4


def test_the_seed_decides_the_losses() -> None:
    bright = example(32, 32)
    dark = Example(bright.image / 2, bright.indices)
    runs = []
    for seed in (0, 0, 1):
        settings = fcn32s_settings(iterations=4, seed=seed)
        network, _ = build_network(settings, 3, 2)
        runs.append(fit(network, [bright, dark], 2, settings).losses)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_progress_and_stopping() -> None:
    seen: list[Progress] = []
    settings = fcn32s_settings(iterations=50)
    network, _ = build_network(settings, 3, 2)
    result = fit(
        network,
        [example()],
        2,
        settings,
        TrainingWatch(on_progress=seen.append, should_stop=lambda: len(seen) >= 3),
    )
    assert [(progress.current, progress.total) for progress in seen] == [(1, 50), (2, 50), (3, 50)]
    assert tuple(progress.loss for progress in seen) == result.losses
    assert result.ending == "stopped"


def test_snapshots_come_after_the_first_step() -> None:
    snapshots: list[TrainingResult] = []
    settings = fcn32s_settings(iterations=3)
    network, _ = build_network(settings, 3, 2)
    result = fit(network, [example()], 2, settings, TrainingWatch(on_snapshot=snapshots.append))
    assert [snapshot.losses for snapshot in snapshots] == [result.losses[:1]]
    assert snapshots[0].state is not None


def test_a_loss_that_is_not_finite_at_once_is_refused() -> None:
    settings = fcn32s_settings(iterations=5)
    network, _ = build_network(settings, 3, 2)
    network.get_layer("fc8").bias.assign([np.nan, 0])
    with pytest.raises(ValueError, match=r"finite loss, but it was not at step 1\. Lower"):
        fit(network, [example()], 2, settings)


def test_a_loss_that_explodes_falls_back_to_good_weights() -> None:
    settings = fcn32s_settings(iterations=20)
    network, _ = build_network(settings, 3, 2)
    kept: list[np.ndarray] = []

    def break_at_step_four(progress: Progress) -> None:
        if progress.current == 1:
            return
        if progress.current == 2:
            kept.extend(np.array(weight) for weight in network.get_weights())
        if progress.current == 4:
            network.get_layer("fc8").bias.assign([np.inf, 0])

    result = fit(network, [example()], 2, settings, TrainingWatch(on_progress=break_at_step_four))
    assert len(result.losses) == 1
    assert "not finite at step 5; the weights are those of step 1" in result.ending
    weights = network.get_weights()
    assert all(np.isfinite(weight).all() for weight in weights)
    assert not np.array_equal(weights[0], kept[0])


def test_dropout_is_off_in_prediction() -> None:
    network, _ = build_network(fcn32s_settings(dropout=0.9), 3, 2)
    image = example(32, 32).image[np.newaxis]
    np.testing.assert_array_equal(network.predict_on_batch(image), network.predict_on_batch(image))


def test_every_image_comes_once_a_round() -> None:
    order = list(image_order(3, 7, seed=5))
    assert sorted(order[:3]) == sorted(order[3:6]) == [0, 1, 2]
    orders = {tuple(itertools.islice(image_order(3, 9, seed), 9)) for seed in range(5)}
    assert len(orders) > 1


def test_balanced_classes_weigh_the_same() -> None:
    counts = np.array([10, 1000, 0])
    factors = balancing_factors(counts, "balanced")
    np.testing.assert_allclose(factors * counts, [505, 505, 0])
    np.testing.assert_array_equal(balancing_factors(counts, "none"), 1)


def test_targets_ignore_what_is_not_annotated() -> None:
    indices = np.array([[IGNORE, 0], [1, 1]], np.int32)
    targets = make_targets(indices, np.array([2.0, 1.0]), "mean")
    np.testing.assert_allclose(targets.weights, [[0, 0.5], [0.25, 0.25]])
    np.testing.assert_array_equal(targets.classes, [[0, 0], [1, 1]])
    assert not make_targets(np.full((2, 2), IGNORE, np.int32), np.ones(2), "mean").weights.any()

"""Quick mode: the same network, the same gradients, at the cost of what is on top."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from napari_fcn_crf.backbones import CONVOLUTIONS
from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example, views
from napari_fcn_crf.fcn.batches.patches import whole
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.hypercolumns.levels import upsample_bilinear
from napari_fcn_crf.fcn.layers.frozen_boundary import freeze_backbone, frozen_boundary
from napari_fcn_crf.fcn.network import build_network, copy_network
from napari_fcn_crf.fcn.training import frozen_features, quick_or_full
from napari_fcn_crf.fcn.training.fit import fit
from napari_fcn_crf.fcn.training.frozen_features import QuickFeed, make_feed
from napari_fcn_crf.fcn.training.pixel_features import PixelFeed
from napari_fcn_crf.fcn.training.quick_or_full import resolve_mode
from napari_fcn_crf.fcn.training.watch import TrainingWatch
from napari_fcn_crf.fcn.training.whole_images import FullFeed
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD

EVEN: tuple[Any, Any] = np.ones(2), "mean"


def strokes(rows: int = 64, columns: int = 60) -> Example:
    """A dark half and a bright one with noise, and a stroke on each."""
    generator = np.random.default_rng(0)
    image = generator.normal(80, 20, (rows, columns, 3))
    image[:, columns // 2 :] += 90
    indices = np.full((rows, columns), IGNORE, np.int32)
    indices[10:50, 5:9] = 0
    indices[8:40, 45:50] = 1
    return Example(image.astype(np.float32), indices)


def random_network(settings: TrainingSettings, channels: int = 3) -> Any:
    """A network in which every layer matters."""
    network, _ = build_network(settings, channels, 2)
    generator = np.random.default_rng(1)
    for layer in network.layers:
        if layer.name.startswith(("score_pool", "hyper_score")):
            layer.kernel.assign(generator.normal(0, 0.1, layer.kernel.shape))
    return network


def no_report(done: int, total: int) -> None:
    pass


def weights_of(network: Any) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight) for weight in network.weights}


@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_kept_features_train_as_those_computed_anew(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(architecture=architecture, iterations=3, mode="quick")
    network = random_network(settings)
    before = weights_of(network)
    other = copy_network(network)
    # The copy's dropout counts from its own seed; it must be the same one.
    quick_result = fit(network, [strokes()], 2, settings)
    monkeypatch.setattr(frozen_features, "CACHE_LIMIT_BYTES", 0)
    full_result = fit(other, [strokes()], 2, settings)
    assert (quick_result.mode, full_result.mode) == ("quick", "full")
    np.testing.assert_allclose(quick_result.losses, full_result.losses, rtol=1e-3)
    after, expected = weights_of(network), weights_of(other)
    for name, array in after.items():
        np.testing.assert_allclose(array, expected[name], atol=2e-3, err_msg=name)
    changed = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert changed
    assert not {name for name in changed if name.split("/")[0] in CONVOLUTIONS}


@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_backbone_runs_once(architecture: str) -> None:
    """What a step computes has none of the thirteen convolutions in it."""
    network = random_network(TrainingSettings(architecture=architecture, mode="quick"))
    feed, _, _ = make_feed(
        network,
        [strokes()],
        np.ones(2),
        TrainingSettings(architecture=architecture, mode="quick"),
        no_report,
    )
    names: set[str] = set()
    pending = [feed.trainer]
    while pending:
        model = pending.pop()
        names |= {layer.name for layer in model.layers}
        pending += [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert not names & set(CONVOLUTIONS)
    assert "fc6" in names


def test_pixels_have_the_features_of_the_whole_image() -> None:
    settings = TrainingSettings(architecture="hypercolumn", mode="quick", dropout=0.0)
    network = random_network(settings)
    freeze_backbone(network, True)
    example = strokes()
    pixels = PixelFeed(network, [whole(example)], *EVEN, no_report)
    dense_feed = QuickFeed(network, [whole(example)], *EVEN, no_report)
    inputs, classes, _ = pixels.batch(0, 1)
    logits = np.asarray(pixels.trainer.predict_on_batch(inputs))[0, :, 0]
    dense = np.asarray(dense_feed.trainer.predict_on_batch(dense_feed.batch(0, 1)[0]))[0]
    padded = np.pad(example.indices, ((0, 0), (2, 2)), constant_values=IGNORE)
    np.testing.assert_allclose(logits, dense[padded != IGNORE], atol=1e-4)
    np.testing.assert_array_equal(np.ravel(classes), padded[padded != IGNORE])
    assert np.ptp(logits, axis=0).min() > 1e-3


@pytest.mark.parametrize("stride", [2, 8, 32])
def test_taps_upsample_as_keras_does(stride: int) -> None:
    grid = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    upsampled = np.asarray(upsample_bilinear(grid[np.newaxis], stride, "given"))[0]
    rows, columns = (index.ravel() for index in np.indices(upsampled.shape[:2]))
    taps = Taps.at(rows, columns, (3, 4), stride)
    np.testing.assert_allclose(taps.apply(grid), upsampled.reshape(-1, 5), atol=1e-5)
    np.testing.assert_allclose(taps.shares.sum(axis=1), 1, atol=1e-6)


def test_few_pixels_are_kept_alone_and_many_as_whole_images() -> None:
    settings = TrainingSettings(architecture="hypercolumn", mode="quick")
    network = random_network(settings)
    few, _, _ = make_feed(network, [strokes()], np.ones(2), settings, no_report)
    assert isinstance(few, PixelFeed)
    mask = Example(strokes().image, np.ones((64, 60), np.int32))
    many, _, _ = make_feed(network, [mask], np.ones(2), settings, no_report)
    assert isinstance(many, QuickFeed)


def test_features_that_do_not_fit_are_computed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_features, "CACHE_LIMIT_BYTES", 1000)
    settings = TrainingSettings(iterations=1, mode="quick")
    network = random_network(settings)
    before = weights_of(network)
    result = fit(network, [strokes()], 2, settings)
    assert result.mode == "full"
    assert "computed anew" in result.note
    after = weights_of(network)
    assert all(
        np.array_equal(after[f"{name}/kernel"], before[f"{name}/kernel"]) for name in CONVOLUTIONS
    )


def test_one_network_can_be_trained_both_ways() -> None:
    network = random_network(TrainingSettings(architecture="fcn32s", weights="random"))
    fit(network, [strokes()], 2, TrainingSettings(iterations=1, mode="quick"))
    freeze_backbone(network, True)
    assert [tensor.shape[-1] for tensor in frozen_boundary(network)] == [128]
    before = weights_of(network)
    fit(network, [strokes()], 2, TrainingSettings(iterations=1, mode="full"))
    assert not np.array_equal(
        weights_of(network)["block1_conv1/kernel"], before["block1_conv1/kernel"]
    )


def test_features_are_reported_image_by_image() -> None:
    seen: list[Progress] = []
    settings = TrainingSettings(iterations=1, mode="quick", augment=True)
    fit(random_network(settings), [strokes()], 2, settings, TrainingWatch(on_progress=seen.append))
    steps = [(step.current, step.total) for step in seen if step.phase == "Computing features"]
    assert steps == [(done, 8) for done in range(8)]


def test_views_are_the_eight_flips_and_turns() -> None:
    example = strokes(8, 6)
    found = list(views(example))
    assert found[0] is example
    assert len({np.asarray(view.image).tobytes() for view in found}) == 8
    for view in found:
        marked = view.indices == 1
        assert sorted(np.asarray(view.image)[marked].ravel()) == sorted(
            np.asarray(example.image)[example.indices == 1].ravel()
        )


@pytest.mark.parametrize("has_gpu", [True, False])
def test_auto_is_quick_for_learnt_weights_on_a_cpu(
    has_gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_or_full, "has_gpu", lambda: has_gpu)
    assert resolve_mode(TrainingSettings(weights="random")) == "full"
    assert resolve_mode(TrainingSettings(backbone="vgg16")) == "full"
    assert resolve_mode(TrainingSettings.paper("vgg16.h5")) == "full"
    expected = "full" if has_gpu else "quick"
    assert resolve_mode(TrainingSettings(weights="bundled")) == expected
    assert resolve_mode(TrainingSettings(mode="quick")) == "quick"


def test_whole_images_and_features_agree_on_what_is_held_out() -> None:
    settings = TrainingSettings(architecture="fcn8s", mode="quick")
    network = random_network(settings)
    freeze_backbone(network, True)
    example = strokes()
    held_out = np.full((64, 60), IGNORE, np.int32)
    held_out[20:30, 10:50] = 1
    both = Example(example.image, example.indices, held_out)
    full = FullFeed(network, [whole(both)], *EVEN).predict_held_out()
    cached = QuickFeed(network, [whole(both)], *EVEN, no_report).predict_held_out()
    assert len(full) == 400
    np.testing.assert_array_equal(full, cached)

from __future__ import annotations

import threading
from typing import Any, get_args

import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.layers.padding import crop, pad_image, stride_padding
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.prediction.region import economical_tiles, predict_region
from napari_fcn_crf.fcn.prediction.tiles import predict_plane, softmax, tile_margin, tile_spans
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import Architecture, PredictionSettings, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD


@pytest.fixture(scope="module")
def network() -> Any:
    return build_network(TrainingSettings(architecture="fcn32s", weights="random"), 3, 3)[0]


def noise(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (rows, columns, 3)).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (33, 95), (70, 41), (100, 64)])
def test_any_size(network: Any, rows: int, columns: int) -> None:
    probabilities = predict_plane(network, noise(rows, columns), PredictionSettings())
    assert probabilities.shape == (3, rows, columns)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)


def test_one_network_predicts_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is made of, and TensorFlow traces it once: in a batch sizes come and go."""
    once = keras.backend.backend() == "tensorflow"
    for architecture in get_args(Architecture):
        settings = TrainingSettings(architecture=architecture, weights="random")
        network, _ = build_network(settings, 3, 2)
        traced: list[Any] = []
        step = network.predict_step

        def predict_step(data: Any, step: Any = step, traced: list[Any] = traced) -> Any:
            traced.append(data)
            return step(data)

        monkeypatch.setattr(network, "predict_step", predict_step)
        for rows, columns in [(32, 64), (64, 32), (95, 33), (32, 64)]:
            image = noise(rows, columns)
            probabilities = predict_plane(network, image, PredictionSettings())
            expected = network(pad_image(image)[np.newaxis], training=False)
            expected = crop(keras.ops.convert_to_numpy(expected)[0], (rows, columns))
            np.testing.assert_allclose(probabilities, softmax(expected), atol=1e-5)
        assert len(traced) == 1 or not once, architecture


def test_agrees_with_keras_itself(network: Any) -> None:
    image = noise(64, 96)
    expected = keras.ops.softmax(network(image[np.newaxis], training=False), axis=-1)
    probabilities = predict_plane(network, image, PredictionSettings())
    np.testing.assert_allclose(
        probabilities, np.moveaxis(keras.ops.convert_to_numpy(expected)[0], -1, 0), atol=1e-5
    )


def test_tiles_join_without_a_seam(network: Any) -> None:
    """Where the margin covers the receptive field, tiling changes nothing."""
    image = noise(96, 1100)
    assert tile_margin(network, 768) == 160
    whole = predict_plane(network, image, PredictionSettings(tile_px=2048))
    tiled = predict_plane(network, image, PredictionSettings(tile_px=768))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_a_region_is_predicted_as_in_the_whole(architecture: Architecture) -> None:
    settings = TrainingSettings(architecture=architecture, weights="random")
    network, _ = build_network(settings, 3, 2)
    # Rows and columns are continued by a few pixels in front.
    image = noise(75, 1003)
    whole = predict_plane(network, image, PredictionSettings())
    for place in [
        (slice(0, 75), slice(437, 555)),
        (slice(3, 60), slice(0, 100)),
        (slice(40, 75), slice(990, 1003)),
    ]:
        found = predict_region(network, image, place, PredictionSettings())
        np.testing.assert_allclose(found, whole[:, place[0], place[1]], atol=1e-5)
    economical = economical_tiles(network, PredictionSettings())
    tiled = predict_region(network, image, (slice(0, 75), slice(0, 1003)), economical)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("side", [256, 257, 1000, 1024, 1056, 5000, 32 * 33])
@pytest.mark.parametrize(("tile_px", "margin"), [(256, 64), (1024, 192), (1024, 256)])
def test_tiles_cover_each_pixel_once(side: int, tile_px: int, margin: int) -> None:
    side = -(-side // 32) * 32
    expected = 0
    for whole, kept in tile_spans(side, tile_px, margin):
        assert kept.start == expected
        expected = kept.stop
        assert 0 <= whole.start <= kept.start < kept.stop <= whole.stop <= side
        assert whole.stop - whole.start <= tile_px
        assert whole.start % 32 == 0
        assert kept.start == 0 or kept.start - whole.start >= margin
        assert kept.stop == side or whole.stop - kept.stop >= margin
    assert expected == side


def test_progress_and_cancel(network: Any) -> None:
    seen: list[Progress] = []
    settings = PredictionSettings(tile_px=256)
    predict_plane(network, noise(64, 400), settings, on_progress=seen.append)
    assert seen[-1].current == seen[-1].total == len(seen) > 1
    with pytest.raises(Cancelled):
        predict_plane(
            network,
            noise(64, 400),
            settings,
            on_progress=seen.append,
            should_stop=lambda: len(seen) >= 3,
        )


def test_softmax_of_large_logits_is_finite() -> None:
    probabilities = softmax(np.array([[[1000.0, 0.0, -1000.0]]]))
    np.testing.assert_array_equal(probabilities[:, 0, 0], [1, 0, 0])


@pytest.mark.parametrize("shape", [(32, 32), (33, 63), (40, 50), (64, 95)])
def test_padding_is_undone_by_cropping(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    padded = pad_image(image)
    assert padded.shape[0] % 32 == padded.shape[1] % 32 == 0
    np.testing.assert_array_equal(crop(padded, shape), image)
    for before, after in stride_padding(shape):
        assert 0 <= before <= after <= before + 1


def test_a_tile_in_hand_is_not_waited_for_but_the_next_begins_after_it(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, begun, go_on = noise(64, 64), threading.Event(), threading.Event()
    expected = predict_plane(network, image, PredictionSettings())
    predict = network.predict_on_batch
    order: list[str] = []

    def slow(batch: np.ndarray) -> Any:
        begun.set()
        go_on.wait()
        order.append("the one that was left")
        return predict(batch)

    monkeypatch.setattr(network, "predict_on_batch", slow)
    try:
        with pytest.raises(Cancelled):
            predict_plane(network, image, PredictionSettings(), should_stop=begun.is_set)
        assert order == []

        def next_one(batch: np.ndarray) -> Any:
            order.append("the next")
            return predict(batch)

        monkeypatch.setattr(network, "predict_on_batch", next_one)
        asked: list[int] = []

        def go_on_then() -> bool:
            # It waits, and is asked meanwhile, until the other one is over.
            asked.append(1)
            if len(asked) > 3:
                go_on.set()
            return False

        found = predict_plane(network, image, PredictionSettings(), should_stop=go_on_then)
    finally:
        go_on.set()
    assert order == ["the one that was left", "the next"]
    np.testing.assert_allclose(found, expected, atol=1e-6)

"""Where memory is short, smaller tiles are tried, and the user is told."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.devices.memory import is_out_of_memory
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.prediction.tiles import predict_plane
from napari_fcn_crf.fcn.prediction.within_memory import predict_within_memory
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import PredictionSettings, TrainingSettings


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A network for whose larger tiles the backend's own allocator fails, and cannot but fail."""
    settings = TrainingSettings(architecture="fcn32s", weights="random")
    network, _ = build_network(settings, 3, 2)
    predict = network.predict_on_batch

    def predict_small(batch: Any) -> Any:
        if batch.shape[1] > 256:
            keras.ops.ones((2**24, 2**24))
        return predict(batch)

    monkeypatch.setattr(network, "predict_on_batch", predict_small)
    return network


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (300, 540, 3)).astype(np.float32)


def test_smaller_tiles_are_used_and_told(network: Any, image: np.ndarray) -> None:
    told: list[Progress] = []
    probabilities, used = predict_within_memory(
        network, image, PredictionSettings(), on_progress=told.append
    )
    assert used == PredictionSettings(tile_px=256)
    expected = predict_plane(network, image, PredictionSettings(tile_px=256))
    np.testing.assert_array_equal(probabilities, expected)
    assert {step.note for step in told} == {
        "Memory was too short for tiles of 540 px; the image was predicted in tiles of 256 px."
    }


def test_the_smallest_tiles_may_be_too_large(
    network: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own allocator fails at once; TensorFlow tries again for ten seconds.
    monkeypatch.setattr(network, "predict_on_batch", lambda batch: np.ones((2**24, 2**24)))
    with pytest.raises(Exception, match=r"OOM|allocate|memory"):
        predict_within_memory(network, image, PredictionSettings())


def test_other_errors_are_not_taken_for_it(
    network: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: Any) -> Any:
        raise RuntimeError("a driver's failure")

    monkeypatch.setattr(network, "predict_on_batch", fail)
    with pytest.raises(RuntimeError, match="a driver's failure"):
        predict_within_memory(network, image, PredictionSettings())


@pytest.mark.parametrize("status", [1, 3, 5])
def test_onednn_has_several_ways_to_say_it(status: int) -> None:
    error = RuntimeError(
        f"Operation received an exception:Status: {status}, message: could not create a primitive"
    )
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("Operation was cancelled"))

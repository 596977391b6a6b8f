"""The hypercolumn head and its last layer in closed form."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import whole
from napari_fcn_crf.fcn.hypercolumns.joined_levels import NORMALISATION, SCORE
from napari_fcn_crf.fcn.linear import moments as moments_module
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.training.last_layer import (
    needs_last_layer,
    solve_last_layer,
)
from napari_fcn_crf.pipeline import models, prediction, training
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import TrainingSettings


def no_report(done: int, total: int) -> None:
    pass


SETTINGS = TrainingSettings(architecture="hypercolumn", weights="random", iterations=2)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_logits_have_the_image_s_rows_and_columns(channels: int) -> None:
    network, _ = build_network(SETTINGS, channels, 3)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, channels)).astype(np.float32)
    assert network.predict_on_batch(image).shape == (1, 64, 96, 3)


def test_single_pixels_are_seen() -> None:
    network, _ = build_network(SETTINGS, 3, 2)
    columns = keras.Model(network.input, network.get_layer("hyper_relu").output)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    changed = image.copy()
    changed[0, 30, 30] += 40
    difference = np.abs(columns.predict_on_batch(changed) - columns.predict_on_batch(image))
    total = difference[0].sum(axis=-1)
    assert np.unravel_index(total.argmax(), total.shape) == (30, 30)


def test_the_last_layer_is_solved_once() -> None:
    network, _ = build_network(SETTINGS, 3, 2)
    assert needs_last_layer(network)
    assert not network.get_layer(SCORE).kernel.numpy().any()
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 120, (40, 50, 3)).astype(np.float32)
    image[:, 25:] += 120
    indices = np.full((40, 50), IGNORE, np.int32)
    indices[5:30, 3:20], indices[5:30, 30:45] = 0, 1
    solve_last_layer(network, [whole(Example(image, indices))], np.ones(2), 0, no_report)
    assert not needs_last_layer(network)
    padded = np.pad(image, ((12, 12), (7, 7), (0, 0)), mode="reflect")
    logits = network.predict_on_batch(padded[np.newaxis])[0, 12:-12, 7:-7]
    annotated = indices != IGNORE
    assert (logits.argmax(axis=-1)[annotated] == indices[annotated]).all()
    standard = keras.Model(network.input, network.get_layer(NORMALISATION).output)
    features = standard.predict_on_batch(padded[np.newaxis])[0, 12:-12, 7:-7]
    np.testing.assert_allclose(features.mean(axis=(0, 1)), 0, atol=1e-2)
    assert features.std(axis=(0, 1)).max() < 1.01


def test_moments_are_added_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments_module, "_ROWS_AT_ONCE", 7)
    values = np.random.default_rng(0).normal(100, 1, (5, 9, 3)).astype(np.float32)
    moments = moments_module.Moments(3)
    moments.add(values[:2])
    moments.add(values[2:])
    np.testing.assert_allclose(moments.mean, values.mean(axis=(0, 1), dtype=np.float64))
    np.testing.assert_allclose(moments.variance, values.var(axis=(0, 1), dtype=np.float64))


def test_solving_stops_before_the_next_image() -> None:
    network, _ = build_network(SETTINGS, 3, 2)
    image = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    indices = np.tile(np.array([0, 1], np.int32), (32, 16))
    asked = []

    def report(done: int, total: int) -> None:
        asked.append((done, total))
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        solve_last_layer(network, [whole(Example(image, indices))] * 3, np.ones(2), 0, report)
    assert asked == [(0, 3), (1, 3)]
    assert needs_last_layer(network)


def test_a_fcn_has_no_last_layer_to_solve() -> None:
    network, _ = build_network(TrainingSettings(architecture="fcn32s", weights="random"), 3, 2)
    assert not needs_last_layer(network)


def test_a_hypercolumn_model_is_saved_and_loaded(
    tmp_path: Path, tiny_image: npt.NDArray[np.uint8], tiny_labels: npt.NDArray[np.int32]
) -> None:
    model = training.train(tiny_image, tiny_labels, SETTINGS)
    models.save_model(model, tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        prediction.predict(loaded, tiny_image), prediction.predict(model, tiny_image)
    )

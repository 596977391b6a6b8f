"""In mixed precision the backbone computes in bfloat16; what is learnt and saved is float32."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.fcn.devices import mixed_precision
from napari_fcn_crf.fcn.network import build_network

SETTINGS = nfc.TrainingSettings(
    architecture="fcn32s", weights="random", labels="mask", dropout=0.0, iterations=12
)
LABELS = np.repeat([[0] * 32 + [1] * 32], 64, axis=0)
IMAGE = np.random.default_rng(0).normal(80 + 90 * LABELS, 20).clip(0, 255).astype(np.uint8)


@pytest.fixture
def gpu_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no test machine has; the arithmetic is the processor's own bfloat16."""
    monkeypatch.setattr(mixed_precision, "has_gpu", lambda: True)
    monkeypatch.setattr(mixed_precision, "_capability", lambda: (9, 0))


def test_the_backbone_alone_computes_in_bfloat16() -> None:
    network, _ = build_network(SETTINGS, 1, 2)
    image = IMAGE[np.newaxis, ..., np.newaxis].astype(np.float32)
    single = keras.ops.convert_to_numpy(network(image))
    with mixed_precision.computing_in(network, "mixed_bfloat16"):
        features = network.get_layer("block1_conv1")(np.repeat(image, 3, axis=3))
        mixed = keras.ops.convert_to_numpy(network(image))
    assert keras.backend.standardize_dtype(features.dtype) == "bfloat16"
    assert mixed.dtype == np.float32
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert np.array_equal(keras.ops.convert_to_numpy(network(image)), single)


@pytest.mark.parametrize("mode", ["quick", "full"])
@pytest.mark.usefixtures("gpu_made_for_it")
def test_training_learns_as_in_single_precision(mode, monkeypatch, tmp_path) -> None:
    settings = replace(SETTINGS, mode=mode)
    model = nfc.train(IMAGE, LABELS, settings, checkpoint_path=tmp_path / "model.keras")
    assert model.card.record["precision"] == "mixed_bfloat16"
    assert model.card.losses[-1] < 0.7 * model.card.losses[0]
    monkeypatch.setattr(mixed_precision, "has_gpu", lambda: False)
    single = nfc.train(IMAGE, LABELS, settings)
    assert single.card.record["precision"] == "float32"
    np.testing.assert_allclose(model.card.losses[0], single.card.losses[0], rtol=0.02)
    np.testing.assert_allclose(model.card.losses, single.card.losses, atol=0.2)
    # What is saved knows nothing of it.
    saved = nfc.load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in saved.network.layers} == {"float32"}

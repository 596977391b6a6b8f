"""The weights that come with the package."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.backbones import CONVOLUTIONS
from napari_fcn_crf.fcn.heads.head import heads
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.start import bundled
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.settings import Architecture, TrainingSettings

LIMIT_BYTES = 8 * 10**6


def test_the_file_is_small_half_precise_and_without_pickles() -> None:
    assert bundled.FILE.stat().st_size <= LIMIT_BYTES
    with np.load(bundled.FILE, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert set(CONVOLUTIONS) | {"fc6", "fc7"} <= bundled.bundled_layers(arrays)


def test_its_provenance_stands_beside_it() -> None:
    provenance = json.loads(bundled.FILE.with_suffix(".json").read_text())
    assert provenance["sha256"] == file_sha256(bundled.FILE)
    assert {"commit", "command", "hours", "device", "curve"} <= set(provenance)
    assert provenance["curve"][-1]["step"] > 0


@pytest.mark.parametrize("architecture", list(heads()))
def test_every_architecture_starts_from_it(architecture: Architecture) -> None:
    settings = TrainingSettings(architecture=architecture, weights="bundled")
    network, description = build_network(settings, 3, 2)
    arrays = bundled.read_bundled(deep=bool(heads()[architecture].enlarged))
    assert "bundled" in description
    for name in CONVOLUTIONS:
        layer = network.get_layer(name)
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(layer.kernel), arrays[f"{name}/kernel"]
        )
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(layer.bias), arrays[f"{name}/bias"]
        )


def test_the_full_backbone_has_none() -> None:
    settings = TrainingSettings(backbone="vgg16", weights="bundled")
    with pytest.raises(ValueError, match=r'"vgg16-compact".*"vgg16" was chosen.*Choose'):
        build_network(settings, 3, 2)


def test_any_number_of_equal_channels_looks_gray() -> None:
    rng = np.random.default_rng(0)
    # Whatever the means are taken from each channel, their sum is the same.
    plane = rng.uniform(0, 255, (1, 64, 64, 1)).astype(np.float32)
    logits = []
    for channels in (4, 6):
        settings = TrainingSettings(architecture="hypercolumn", weights="bundled")
        network, _ = build_network(settings, channels, 2)
        columns = keras.Model(network.input, network.get_layer("hyper_relu").output)
        logits.append(columns.predict_on_batch(np.repeat(plane, channels, axis=-1)))
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-3, atol=1e-3)


def test_a_channel_and_its_opposite_are_learnt_from() -> None:
    """Their mean is the same everywhere, of which there is nothing to learn but noise."""
    bright = np.zeros((64, 64), bool)
    bright[16:48, 16:48] = True
    cells = (1000 + 400 * bright + np.random.default_rng(0).normal(0, 40, bright.shape)).astype(
        np.uint16
    )
    strokes = np.zeros(cells.shape, np.uint8)
    strokes[4:8, 4:60], strokes[28:34, 20:44] = 1, 2
    settings = TrainingSettings(architecture="hypercolumn", weights="bundled", iterations=3)
    alone = nfc.train(cells, strokes, settings).card.losses
    both = nfc.train(np.dstack([cells, 2400 - cells]), strokes, settings).card.losses
    assert max(both) < 1.2 * max(alone)

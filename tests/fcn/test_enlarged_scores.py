"""Heads that score coarse levels: their scores in closed form, and the deep layers they get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import whole
from napari_fcn_crf.fcn.heads.head import classifier_of, heads
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.layers.activations import activations
from napari_fcn_crf.fcn.layers.upsampling import upsample
from napari_fcn_crf.fcn.linear.logistic_regression import Linear
from napari_fcn_crf.fcn.network import build_network, starting_files
from napari_fcn_crf.fcn.start import bundled
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.settings import Architecture, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD

ENLARGING = [head for head in EVERY_HEAD if heads()[head.values[0]].enlarged]
ROWS, COLUMNS = 96, 128


def noise(rows: int, columns: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0, 255, (rows, columns, 3)).astype(np.float32)


@pytest.mark.parametrize("factors", [(32,), (2, 16), (2, 2, 8), (2, 8)])
def test_taps_are_what_the_layers_do_one_after_the_other(factors: tuple[int, ...]) -> None:
    grid = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    scores = keras.Input((None, None, 5))
    enlarged = scores
    for number, factor in enumerate(factors):
        enlarged = upsample(enlarged, factor, f"upsample{number}")
    expected = keras.Model(scores, enlarged).predict_on_batch(grid[np.newaxis])[0]
    rows, columns = np.nonzero(np.ones(expected.shape[:2], bool))
    taps = Taps.through(rows, columns, (3, 4), factors)
    assert taps.places.shape[1] <= 9
    np.testing.assert_allclose(taps.apply(grid).reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ENLARGING)
def test_logits_are_linear_in_the_features(architecture: Architecture) -> None:
    network, _ = build_network(TrainingSettings(architecture=architecture), 3, 2)
    image, indices = noise(ROWS, COLUMNS), np.zeros((ROWS, COLUMNS), np.int32)
    classifier = classifier_of(network)
    assert classifier is not None
    assert classifier.of_layers is not None
    around = whole(Example(image, indices))
    chosen = [np.ones(around.indices.shape, bool)]
    features = classifier.features(network, [around], chosen, lambda done, total: None)
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=(features.shape[1], 2)).astype(np.float32)
    # Nothing for a constant, which enlarged is less than itself near borders.
    for intercepts, where in (((0, 0), slice(None)), ((3, -7), slice(40, 56))):
        solved = Linear(coefficients, np.array(intercepts, np.float32))
        for layer, part in zip(classifier.layers, classifier.of_layers(solved), strict=True):
            layer.set_weights([part.coefficients[np.newaxis, np.newaxis], part.intercepts])
        logits = network.predict_on_batch(image[np.newaxis])[0]
        expected = (features @ coefficients + solved.intercepts).reshape(logits.shape)
        size = np.abs(expected).max()
        np.testing.assert_allclose(logits[where, where], expected[where, where], atol=1e-4 * size)


@pytest.fixture(scope="module")
def halves() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """A dark half and a bright one, and a stroke on each."""
    image = noise(ROWS, COLUMNS) / 4
    image[:, 64:] += 120
    labels = np.zeros((ROWS, COLUMNS), np.uint8)
    labels[10:80, 10:20], labels[20:90, 100:120] = 3, 7
    return image, labels


@pytest.mark.parametrize("architecture", ENLARGING)
def test_strokes_are_told_apart_without_a_step(architecture: Architecture, halves: Any) -> None:
    image, labels = halves
    model = nfc.train(image, labels, TrainingSettings(architecture=architecture))
    assert model.card.losses == ()
    found = nfc.predict(model, image).argmax(axis=0)
    assert (found == np.searchsorted([3, 7], labels))[labels > 0].mean() > 0.95


def test_steps_go_on_from_what_was_solved(halves: Any, tmp_path: Path) -> None:
    image, labels = halves
    model = nfc.train(image, labels, TrainingSettings(architecture="fcn8s"))
    path = tmp_path / "model.keras"
    nfc.save_model(model, path)
    loaded = nfc.load_model(path)
    np.testing.assert_array_equal(nfc.predict(loaded, image), nfc.predict(model, image))
    two = TrainingSettings(architecture="fcn8s", iterations=2, dropout=0.0)
    more = nfc.train(image, labels, two, resume=loaded)
    # From what was solved, and not from silent scores.
    assert len(more.card.losses) == 2
    assert max(more.card.losses) < 0.5 * np.log(2)


@pytest.mark.parametrize(
    ("chosen", "is_solved"),
    [
        ({}, True),
        ({"mode": "full"}, True),
        ({"rates": "equal"}, False),
        ({"weights": "random"}, False),
        ({"weights": "vgg.h5"}, False),
    ],
)
def test_only_what_is_known_to_respond_is_solved(chosen: dict[str, Any], is_solved: bool) -> None:
    settings = TrainingSettings(architecture="fcn8s", **chosen)
    assert heads()["fcn8s"].is_solved(settings) is is_solved


def test_unsolved_scores_take_steps(
    tiny_image: npt.NDArray[np.uint8], tiny_labels: npt.NDArray[np.int32]
) -> None:
    """Such as those of the paper's run, whose random ones are not to be written over."""
    settings = TrainingSettings(architecture="fcn32s", rates="equal", mode="quick", iterations=1)
    model = nfc.train(tiny_image, tiny_labels, settings)
    assert model.card.losses[0] != pytest.approx(np.log(2), rel=1e-3)
    with pytest.raises(ValueError, match="no iterations were asked for"):
        nfc.train(tiny_image, tiny_labels, TrainingSettings("fcn32s", rates="equal", iterations=0))


def test_the_deep_layers_are_half_precise_and_say_where_they_are_from() -> None:
    with np.load(bundled.DEEP_FILE, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert bundled.FILE.stat().st_size + bundled.DEEP_FILE.stat().st_size < 10**7
    provenance = json.loads(bundled.DEEP_FILE.with_suffix(".json").read_text())
    assert provenance["sha256"] == file_sha256(bundled.DEEP_FILE)


def test_deep_layers_respond_differently_to_different_places(
    tiny_image: npt.NDArray[np.uint8],
) -> None:
    """Those that hypercolumns get hardly do."""
    image = np.repeat(np.atleast_3d(tiny_image)[..., :1], 3, axis=-1).astype(np.float32)
    network, _ = build_network(TrainingSettings(architecture="fcn8s"), 3, 2)
    plain = bundled.read_bundled()
    alive = []
    for arrays in (None, plain):
        if arrays is not None:
            bundled.assign_bundled(network, arrays, 3)
        outputs = [network.get_layer(f"block{block}_conv3").output for block in (3, 4, 5)]
        values = activations(network, outputs, image)
        alive.append([float((value.std(axis=(0, 1, 2)) > 0).mean()) for value in values])
    ours, others = alive
    assert min(ours) > 0.9
    assert others[0] < 0.5


def test_a_model_of_them_is_known_by_both_files() -> None:
    settings = TrainingSettings(architecture="fcn8s")
    assert starting_files(settings) == [bundled.FILE, bundled.DEEP_FILE]
    assert starting_files(TrainingSettings()) == [bundled.FILE]

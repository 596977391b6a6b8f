"""Training on the weights of a file that lacks fc6 and fc7 and responds loudly, as VGG-16 does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import whole
from napari_fcn_crf.fcn.hypercolumns.level_scores import STANDARD
from napari_fcn_crf.fcn.layers.activations import activations
from napari_fcn_crf.fcn.network import build_network, copy_network
from napari_fcn_crf.fcn.training import frozen_features, learning_rates
from napari_fcn_crf.fcn.training.fit import fit
from napari_fcn_crf.fcn.training.frozen_features import make_feed
from napari_fcn_crf.fcn.training.last_layer import solve_last_layer
from napari_fcn_crf.fcn.training.pixel_features import PixelFeed
from napari_fcn_crf.pipeline import models
from napari_fcn_crf.settings import Architecture, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD
from tests.weights.reference import Reference, keras_model, random_reference


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen convolutions, the last of which answer with hundreds."""
    reference = random_reference("vgg16-compact")
    weights = dict(reference.weights)
    kernel, bias = weights["block2_conv1"]
    weights["block2_conv1"] = kernel * 5, bias
    path = tmp_path_factory.mktemp("weights") / "loud.weights.h5"
    keras_model(Reference("vgg16-compact", weights), include_top=False).save_weights(path)
    return path


@pytest.fixture(scope="module")
def strokes() -> Example:
    """A dark half and a bright one with noise, and a stroke on each."""
    generator = np.random.default_rng(0)
    image = generator.normal(80, 20, (64, 96, 3))
    image[:, 48:] += 90
    indices = np.full((64, 96), IGNORE, np.int32)
    indices[10:50, 5:9] = 0
    indices[8:40, 70:76] = 1
    return Example(image.astype(np.float32), indices)


def losses(settings: TrainingSettings, example: Example) -> tuple[float, ...]:
    network, _ = build_network(settings, 3, 2, example.image)
    return fit(network, [example], 2, settings).losses


@pytest.mark.parametrize("mode", ["quick", pytest.param("full", marks=pytest.mark.long)])
@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_no_loss_leaps(loud: Path, strokes: Example, architecture: Architecture, mode: Any) -> None:
    settings = TrainingSettings(
        architecture=architecture, weights=loud, iterations=8, mode=mode, dropout=0.2
    )
    found = losses(settings, strokes)
    assert max(found) <= 1.1 * found[0]
    assert found[-1] < found[0]
    if architecture != "hypercolumn":
        assert found[0] == pytest.approx(np.log(2), rel=1e-4)


def test_equal_rates_are_loud(loud: Path, strokes: Example) -> None:
    """So that the test above is one."""
    settings = TrainingSettings(
        architecture="fcn32s", weights=loud, iterations=8, mode="full", rates="equal"
    )
    assert max(losses(settings, strokes)) > 20 * np.log(2)


def test_what_is_new_is_scaled_to_what_goes_in(loud: Path, strokes: Example) -> None:
    settings = TrainingSettings(architecture="fcn32s", weights=loud)
    sizes = []
    for image in (None, strokes.image):
        network, description = build_network(settings, 3, 2, image)
        outputs = [network.get_layer(name).output for name in ("pool5", "fc6", "fc7")]
        values = activations(network, outputs, strokes.image)
        sizes.append([float(np.sqrt(2 * np.mean(np.square(value)))) for value in values])
    assert description.endswith("; fc6 and fc7 random")
    as_drawn, _ = build_network(replace(settings, rates="equal"), 3, 2, strokes.image)
    (fc6,) = activations(as_drawn, [as_drawn.get_layer("fc6").output], strokes.image)
    assert np.sqrt(2 * np.mean(np.square(fc6))) == pytest.approx(sizes[0][1], rel=1e-4)
    unscaled, scaled = sizes
    assert min(unscaled) > 30
    assert scaled[0] == unscaled[0]
    np.testing.assert_allclose(scaled[1:], 1, rtol=1e-3)


def test_a_level_that_the_file_lacks_is_left_out(loud: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.weights.h5"
    keras_model(random_reference("vgg16-compact")).save_weights(whole)
    for path, expected in ((loud, False), (whole, True)):
        network, _ = build_network(TrainingSettings(weights=path), 3, 2)
        names = {layer.name for layer in network.layers}
        assert ("hyper_fc7" in names) is ("fc6" in names) is expected
        assert "hyper_conv5" in names


def test_levels_are_standardised_and_their_scores_solved(loud: Path, strokes: Example) -> None:
    network, _ = build_network(TrainingSettings(weights=loud), 3, 2)
    # Two images of different brightness: means and deviations are those of both together.
    first = np.asarray(strokes.image)
    images, indices = [first, first[::-1] * 0.5], [strokes.indices, strokes.indices[::-1]]
    seen = [whole(Example(*pair)) for pair in zip(images, indices, strict=True)]
    solve_last_layer(network, seen, np.ones(2), 0, lambda done, total: None)
    for level in ("conv1", "conv3", "conv5"):
        layer = network.get_layer(f"{level}{STANDARD}")
        values = [
            keras.Model(network.input, layer.output).predict_on_batch(image[np.newaxis])
            for image in images
        ]
        features = np.concatenate([value.reshape(-1, value.shape[-1]) for value in values])
        gain = float(np.asarray(layer.gamma)[0])
        np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3 * gain)
        deviations = features.std(axis=0) / gain
        assert deviations.max() < 1.01
        assert np.median(deviations) > 0.9
    for image, plane in zip(images, indices, strict=True):
        logits = network.predict_on_batch(image[np.newaxis])[0]
        annotated = plane != IGNORE
        assert (logits.argmax(axis=-1)[annotated] == plane[annotated]).mean() > 0.99


def test_pixels_alone_train_as_whole_images(
    loud: Path, strokes: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(weights=loud, iterations=3, mode="quick")
    network, _ = build_network(settings, 3, 2)
    other = copy_network(network)
    feed, _, _ = make_feed(network, [strokes], np.ones(2), settings, lambda done, total: None)
    assert isinstance(feed, PixelFeed)
    kept = fit(network, [strokes], 2, settings)
    monkeypatch.setattr(frozen_features, "CACHE_LIMIT_BYTES", 0)
    anew = fit(other, [strokes], 2, settings)
    np.testing.assert_allclose(kept.losses, anew.losses, rtol=1e-4)
    for one, two in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_step_changes_no_layer_by_more_than_allowed(loud: Path, strokes: Example) -> None:
    """Of each trained convolution alone, with everything else as it was."""
    settings = TrainingSettings(
        architecture="fcn8s", weights=loud, backbone_rate=1.0, mode="full", dropout=0.0
    )
    network, _ = build_network(settings, 3, 2, strokes.image)
    names = ["block3_conv2", "block5_conv3", "fc6", "fc7"]
    variables = [network.get_layer(name).kernel for name in names]
    found = learning_rates.shares(network, variables, strokes.image, settings)
    assert max(found) < 1
    for name, share in zip(names, found, strict=True):
        layer = network.get_layer(name)
        ((before,), kernel) = (
            activations(network, [layer.output], strokes.image),
            np.array(layer.kernel),
        )
        # The worst step there is: all weights the same way.
        layer.kernel.assign(kernel + share * settings.learning_rate)
        (after,) = activations(network, [layer.output], strokes.image)
        layer.kernel.assign(kernel)
        change = np.abs(after - before).mean() / np.sqrt(np.mean(np.square(before)))
        assert 0.02 < change < 1.1 * learning_rates.LARGEST_CHANGE * settings.learning_rate


def test_a_training_with_fitted_rates_goes_on_exactly(loud: Path, strokes: Example) -> None:
    settings = TrainingSettings(architecture="fcn8s", weights=loud, iterations=4, mode="full")
    image, labels = strokes.image, strokes.indices + 1
    whole = nfc.train(image, labels, settings)
    half = replace(settings, iterations=2)
    resumed = nfc.train(image, labels, half, resume=nfc.train(image, labels, half))
    assert resumed.card.losses == whole.card.losses
    for one, two in zip(resumed.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_linear_hypercolumn_is_saved_and_loaded(
    loud: Path, strokes: Example, tmp_path: Path
) -> None:
    settings = TrainingSettings(weights=loud, iterations=1)
    model = nfc.train(strokes.image, strokes.indices + 1, settings)
    models.save_model(model, tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        nfc.predict(loaded, strokes.image), nfc.predict(model, strokes.image)
    )

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.start.adaptation import spread_channels
from napari_fcn_crf.settings import TrainingSettings

FCN32S = TrainingSettings(architecture="fcn32s", weights="random")


def test_layers_have_the_published_names() -> None:
    network, _ = build_network(FCN32S, 3, 2)
    reference = keras.applications.VGG16(weights=None, include_top=False)
    names = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    published = [layer.name for layer in reference.layers if isinstance(layer, keras.layers.Conv2D)]
    assert names[:13] == published
    assert names[13:16] == ["fc6", "fc7", "fc8"]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels(channels: int) -> None:
    network, _ = build_network(FCN32S, channels, 3)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, channels)).astype(np.float32)
    logits = network.predict_on_batch(image)
    assert logits.shape == (1, 64, 96, 3)
    assert np.isfinite(logits).all()


def test_gray_is_three_equal_channels() -> None:
    gray, _ = build_network(FCN32S, 1, 2)
    colour, _ = build_network(FCN32S, 3, 2)
    colour.set_weights(gray.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 64, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        gray.predict_on_batch(image), colour.predict_on_batch(image.repeat(3, axis=-1))
    )


def test_the_mean_colour_is_zero_to_the_first_convolution() -> None:
    network, _ = build_network(FCN32S, 3, 2)
    means = np.array([123.68, 116.779, 103.939], np.float32)
    subtract = keras.Model(network.input, network.get_layer("subtract_means").output)
    image = np.broadcast_to(means, (1, 32, 32, 3))
    np.testing.assert_allclose(subtract.predict_on_batch(image), 0, atol=1e-5)


def test_the_seed_alone_decides_the_weights() -> None:
    first, again, other = (
        build_network(replace(FCN32S, seed=seed), 3, 2)[0].get_weights() for seed in (1, 1, 2)
    )
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_no_kernel_stays_zero() -> None:
    network, _ = build_network(FCN32S, 3, 2)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert np.asarray(layer.get_weights()[0]).std() > 0, layer.name


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_spread_kernels_answer_equal_channels_as_before(channels: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    spread = spread_channels(kernel, channels)
    assert spread.shape == (3, 3, channels, 4)
    np.testing.assert_allclose(spread.sum(axis=2), kernel.sum(axis=2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_channels_that_are_each_others_opposite_do_not_cancel_out(channels: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    spread = spread_channels(kernel, channels)
    opposite = np.where(np.arange(channels) % 2, -1.0, 1.0)
    response = np.einsum("rcio,i->o", spread, opposite)
    assert (np.abs(response) > 0.01).all()

"""Each head against the tables of the papers it comes from, for their 21 classes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.heads.largefov import FC6_DILATION
from napari_fcn_crf.fcn.layers.upsampling import bilinear_kernel
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.prediction.receptive_field import receptive_field_px
from napari_fcn_crf.fcn.start.adaptation import adapt, decimate
from napari_fcn_crf.fcn.training.fit import Example, fit
from napari_fcn_crf.settings import Architecture, Backbone, TrainingSettings

CHANNELS: dict[Architecture, int] = {"fcn32s": 1, "fcn16s": 3, "fcn8s": 4, "largefov": 1}
VGG16_TO_FC7 = 134_260_544
"""Of Keras' VGG16: 138 357 544 in all, less the 4096 x 1000 + 1000 of its last layer."""


def build(architecture: Architecture, backbone: Backbone = "vgg16-compact", classes: int = 21):
    settings = TrainingSettings(architecture=architecture, backbone=backbone, weights="random")
    return build_network(settings, 3, classes)[0]


def trainable_parameters(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.parametrize(
    ("architecture", "added"),
    [
        ("fcn32s", 4096 * 21 + 21),
        ("fcn16s", (4096 + 512) * 21 + 2 * 21 + 16 * 21**2),
        ("fcn8s", (4096 + 512 + 256) * 21 + 3 * 21 + 2 * 16 * 21**2),
    ],
)
def test_size_and_receptive_field_of_the_full_fcn(architecture: Architecture, added: int) -> None:
    network = build(architecture, "vgg16")
    assert trainable_parameters(network) == VGG16_TO_FC7 + added
    # Long et al. 2015, table 1: 404 pixels.
    assert receptive_field_px(network) == 404


def test_parameters_of_the_full_largefov() -> None:
    # Chen et al. 2015, table 2: 20.5 million.
    assert round(trainable_parameters(build("largefov", "vgg16")) / 1e6, 1) == 20.5


def test_field_of_view_of_largefov() -> None:
    # Chen et al. 2015, table 2, counts fc6 alone: a cell of pool5 stands for 4 x 4 of stride 8.
    fc6 = build("largefov").get_layer("fc6")
    assert ((fc6.kernel_size[0] - 1) * fc6.dilation_rate[0] + 4) * 8 == 224
    assert fc6.dilation_rate == (FC6_DILATION, FC6_DILATION)


@pytest.mark.parametrize(
    ("architecture", "strides"),
    [
        ("fcn32s", {"fc8": 32}),
        ("fcn16s", {"fc8": 32, "score_pool4": 16, "fuse_pool4": 16}),
        ("fcn8s", {"fc8": 32, "score_pool4": 16, "score_pool3": 8, "fuse_pool3": 8}),
        ("largefov", {"pool3": 8, "pool4": 8, "pool5": 8, "fc8": 8}),
    ],
)
def test_strides(architecture: Architecture, strides: dict[str, int]) -> None:
    network = build(architecture)
    outputs = {name: network.get_layer(name).output for name in strides}
    shapes = keras.Model(network.input, outputs).predict_on_batch(np.zeros((1, 64, 96, 3)))
    for name, stride in strides.items():
        assert shapes[name].shape[1:3] == (64 // stride, 96 // stride), name


@pytest.mark.parametrize("architecture", CHANNELS)
def test_scores_for_each_pixel(architecture: Architecture) -> None:
    channels = CHANNELS[architecture]
    network, _ = build_network(
        TrainingSettings(architecture=architecture, weights="random"), channels, 5
    )
    image = np.random.default_rng(0).uniform(0, 255, (1, 96, 64, channels)).astype(np.float32)
    logits = network.predict_on_batch(image)
    assert logits.shape == (1, 96, 64, 5)
    assert np.isfinite(logits).all()
    assert logits.std() > 0


@pytest.mark.parametrize("architecture", ["fcn16s", "fcn8s"])
def test_skips_start_silent_and_then_learn(architecture: Architecture) -> None:
    network = build(architecture, classes=2)
    skip = network.get_layer("score_pool4")
    assert not np.any(skip.get_weights()[0])
    indices = np.zeros((64, 64), np.int32)
    indices[:, 20:] = 1
    image = np.repeat(200.0 * indices[..., np.newaxis], 3, axis=-1).astype(np.float32)
    fit(network, [Example(image, indices)], 2, TrainingSettings(iterations=2))
    assert np.any(skip.get_weights()[0])
    assert not np.array_equal(network.get_layer("upscore2").get_weights()[0], bilinear_kernel(2, 2))
    last = "upsample16" if architecture == "fcn16s" else "upsample8"
    np.testing.assert_array_equal(
        network.get_layer(last).get_weights()[0], bilinear_kernel(int(last[8:]), 2)
    )


def test_decimation_keeps_every_fourth_filter_and_the_corners() -> None:
    kernel = np.arange(7 * 7 * 4 * 8, dtype=np.float32).reshape(7, 7, 4, 8)
    bias = np.arange(8, dtype=np.float32)
    small, small_bias = adapt(kernel, bias, (3, 3, 4, 2))
    np.testing.assert_array_equal(small, kernel[::3, ::3, :, ::4])
    np.testing.assert_array_equal(small_bias, [0, 4])


def test_decimated_layers_fit_together() -> None:
    """fc7 keeps the inputs that fc6 keeps as outputs."""
    generator = np.random.default_rng(0)
    fc6 = generator.normal(size=(7, 7, 6, 16)).astype(np.float32)
    fc7 = generator.normal(size=(1, 1, 16, 16)).astype(np.float32)
    kept, _ = decimate(fc6, np.zeros(16, np.float32), (3, 3, 6, 4))
    following, _ = decimate(fc7, np.zeros(16, np.float32), (1, 1, 4, 4))
    x = generator.normal(size=6)
    full = np.einsum("i,io->o", x, fc6[0, 0])[::4]
    np.testing.assert_allclose(np.einsum("i,io->o", x, kept[0, 0]), full, rtol=1e-6)
    np.testing.assert_array_equal(following[0, 0], fc7[0, 0, ::4, ::4])

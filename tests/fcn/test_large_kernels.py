"""Large convolutions' gradients as matrix products are those that the backend makes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.devices.large_kernels import convolve, speed_up_large_kernels
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.optimizer.optimizer import compile_trainer
from napari_fcn_crf.settings import TrainingSettings

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends keep their convolutions"
)


@on_tensorflow
@pytest.mark.parametrize("side", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", [(1, 9, 14), (2, 4, 3), (1, 1, 1)])
def test_values_and_gradients_are_the_convolutions(side: int, shape: tuple[int, ...]) -> None:
    import tensorflow

    generator = np.random.default_rng(side)
    x = tensorflow.Variable(generator.normal(size=(*shape, 6)).astype(np.float32))
    kernel = tensorflow.Variable(generator.normal(size=(side, side, 6, 5)).astype(np.float32))
    upstream = generator.normal(size=(*shape, 5)).astype(np.float32)

    def gradients(operation):
        with tensorflow.GradientTape() as tape:
            values = operation(x, kernel)
        return values, *tape.gradient(values, [x, kernel], upstream)

    expected = gradients(lambda x, kernel: keras.ops.conv(x, kernel, 1, "same"))
    for mine, theirs in zip(gradients(convolve), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backbone", ["vgg16", "vgg16-compact"])
def test_only_fc6_and_fc7_of_the_full_width_are_large(backbone) -> None:
    settings = TrainingSettings(
        architecture="fcn32s", backbone=backbone, weights="random", mode="full"
    )
    network, _ = build_network(settings, 3, 2)
    compile_trainer(network, settings.learning_rate, (), keep_gradients=False)
    changed = [layer.name for layer in network.layers if "convolution_op" in vars(layer)]
    is_changed = backbone == "vgg16" and keras.backend.backend() == "tensorflow"
    assert changed == (["fc6", "fc7"] if is_changed else [])


@on_tensorflow
def test_a_network_trains_and_is_saved_as_before(tmp_path) -> None:
    def train(fast: bool) -> tuple[list[float], object]:
        keras.utils.set_random_seed(0)
        image = keras.Input((None, None, 256))
        filters = keras.layers.Conv2D(512, 9, padding="same", activation="relu", name="fc6")(image)
        network = keras.Model(image, keras.layers.Conv2D(2, 1, name="fc8")(filters))
        if fast:
            speed_up_large_kernels(network)
            assert "convolution_op" in vars(network.get_layer("fc6"))
        network.compile(keras.optimizers.Adam(1e-4), keras.losses.MeanSquaredError())
        return [network.train_on_batch(x, y) for _ in range(4)], network

    generator = np.random.default_rng(1)
    x = generator.normal(size=(1, 5, 7, 256)).astype(np.float32)
    y = generator.normal(size=(1, 5, 7, 2)).astype(np.float32)
    (losses, network), (expected, _) = train(fast=True), train(fast=False)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert losses[-1] < losses[0]
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(again(x), network(x))

"""A VGG-16 with a dense classifier, as it was published, at either width, with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.backbones import BACKBONES, CONVOLUTIONS
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.settings import Backbone, TrainingSettings

Weights = dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]

MEANS_RGB = np.array([123.68, 116.779, 103.939], np.float32)


@dataclass(frozen=True)
class Reference:
    """Kernels in Keras' layouts; conv1_1 for red, green and blue on the 0-255 scale.

    The names are Keras': "block1_conv1", ..., "fc1", "fc2", "predictions".
    """

    backbone: Backbone
    weights: Weights

    @property
    def rows(self) -> int:
        """Rows and columns of pool5 in the published classifier."""
        return BACKBONES[self.backbone].widths.fc6_kernel


def random_reference(backbone: Backbone, seed: int = 0) -> Reference:
    """Return random weights that keep the activations' size from layer to layer."""
    widths = BACKBONES[backbone].widths
    generator = np.random.default_rng(seed)

    def layer(*shape: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        scale = np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        kernel = generator.standard_normal(shape, np.float32) * scale
        return kernel, generator.standard_normal(shape[-1], np.float32)

    weights, inputs = {}, 3
    for name in CONVOLUTIONS:
        outputs = widths.blocks[int(name[5]) - 1]
        weights[name] = layer(3, 3, inputs, outputs)
        inputs = outputs
    weights["fc1"] = layer(widths.fc6_kernel**2 * inputs, widths.fc)
    weights["fc2"] = layer(widths.fc, widths.fc)
    weights["predictions"] = layer(widths.fc, 10)
    return Reference(backbone, weights)


def keras_model(reference: Reference, include_top: bool = True) -> keras.Model:
    """Return the reference as Keras Applications has it: for BGR less its means."""
    rows = reference.rows
    x = inputs = keras.Input((32 * rows, 32 * rows, 3))
    for name in CONVOLUTIONS:
        filters = reference.weights[name][1].size
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        if name in ("block1_conv2", "block2_conv2") or name.endswith("conv3"):
            x = keras.layers.MaxPooling2D(name=f"{name[:6]}_pool")(x)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        for name in ("fc1", "fc2", "predictions"):
            units = reference.weights[name][1].size
            activation = "softmax" if name == "predictions" else "relu"
            x = keras.layers.Dense(units, activation=activation, name=name)(x)
    model = keras.Model(inputs, x)
    for name, (kernel, bias) in reference.weights.items():
        if include_top or name in CONVOLUTIONS:
            file_kernel = kernel[:, :, ::-1] if name == "block1_conv1" else kernel
            model.get_layer(name).set_weights([file_kernel, bias])
    return model


def image_for(reference: Reference) -> npt.NDArray[np.float32]:
    """Return a 0-255 RGB image of the size the published classifier takes."""
    side = 32 * reference.rows
    return np.random.default_rng(7).uniform(0, 255, (1, side, side, 3)).astype(np.float32)


def expected_outputs(
    reference: Reference, means_rgb: npt.NDArray[np.float32] = MEANS_RGB
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what pool5 and fc7 of the reference give for `image_for`."""
    model = keras_model(reference)
    bgr = (image_for(reference) - means_rgb)[..., ::-1]
    outputs = [model.get_layer("block5_pool").output, model.get_layer("fc2").output]
    pool5, fc7 = keras.Model(model.input, outputs).predict_on_batch(bgr)
    return pool5, fc7


def loaded_outputs(
    path: Path, reference: Reference
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what pool5 and the middle of fc7 give for `image_for` in our network."""
    settings = TrainingSettings(architecture="fcn32s", backbone=reference.backbone, weights=path)
    network, _ = build_network(settings, 3, 2)
    outputs = [network.get_layer("pool5").output, network.get_layer("fc7").output]
    pool5, fc7 = keras.Model(network.input, outputs).predict_on_batch(image_for(reference))
    middle = reference.rows // 2
    return pool5, fc7[:, middle, middle]

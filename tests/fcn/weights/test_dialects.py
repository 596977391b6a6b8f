"""One VGG-16 in every form it is published in gives the same features."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.weights import describe_weights, open_weights
from napari_fcn_crf.fcn.weights.layers import CONVOLUTIONS
from napari_fcn_crf.settings import TrainingSettings
from tests.fcn.weights.reference import (
    Reference,
    expected_outputs,
    keras_model,
    loaded_outputs,
    random_reference,
)

SLIM_MEANS = np.array([123.68, 116.78, 103.94], np.float32)


def slim_name(name: str) -> str:
    """Return "conv1_1" for "block1_conv1" and "fc6" for "fc1"."""
    fully_connected = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    return fully_connected.get(name) or f"conv{name[5]}_{name[-1]}"


def write_legacy_hdf5(path: Path, reference: Reference, pattern: str) -> None:
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in reference.weights.items():
            group = file.create_group(name)
            file_kernel = kernel[:, :, ::-1] if name == "block1_conv1" else kernel
            first, second = pattern.split()
            group[first.format(name)] = file_kernel
            group[second.format(name)] = bias


def write_npz(path: Path, reference: Reference) -> None:
    arrays = {}
    for name, (kernel, bias) in reference.weights.items():
        arrays |= {f"{slim_name(name)}_W": kernel, f"{slim_name(name)}_b": bias}
    np.savez(path, **arrays)


def write_checkpoint(prefix: Path, reference: Reference, version: int) -> None:
    rows = reference.rows
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, (kernel, bias) in reference.weights.items():
            layer = slim_name(name)
            scope = f"{layer.split('_')[0]}/{layer}" if layer.startswith("conv") else layer
            if layer == "fc6":
                kernel = kernel.reshape(rows, rows, -1, kernel.shape[-1])
            elif kernel.ndim == 2:
                kernel = kernel[np.newaxis, np.newaxis]
            tf.compat.v1.Variable(kernel, name=f"vgg_16/{scope}/weights")
            tf.compat.v1.Variable(bias, name=f"vgg_16/{scope}/biases")
        tf.compat.v1.Variable(SLIM_MEANS, name="vgg_16/mean_rgb")
        tf.compat.v1.Variable(np.int64(0), name="global_step", dtype=tf.int64)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(write_version=version)
        saver.save(session, str(prefix), write_meta_graph=False)


def check(path: Path, reference: Reference, means: np.ndarray | None = None) -> None:
    pool5, fc7 = expected_outputs(reference, *([] if means is None else [means]))
    loaded_pool5, loaded_fc7 = loaded_outputs(path, reference)
    np.testing.assert_allclose(loaded_pool5, pool5, rtol=1e-4, atol=1e-4 * pool5.max())
    np.testing.assert_allclose(loaded_fc7, fc7, rtol=1e-4, atol=1e-4 * fc7.max())


@pytest.mark.parametrize(
    "pattern", ["{0}_W_1:0 {0}_b_1:0", "{0}/kernel:0 {0}/bias:0"], ids=["first", "second"]
)
def test_both_generations_of_legacy_hdf5(compact: Reference, tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    write_legacy_hdf5(path, compact, pattern)
    check(path, compact)
    assert describe_weights(path) == (
        "VGG-16 compact, Keras HDF5, 13 conv + fc6, fc7; fc8 left out; "
        "BGR, means 103.94/116.78/123.68"
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["vgg16.keras", "vgg16.h5", "vgg16.weights.h5"])
def test_what_keras_itself_writes(compact: Reference, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    model = keras_model(compact)
    if name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)
    check(path, compact)


def test_without_top_fc6_and_fc7_are_random(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "notop.weights.h5"
    keras_model(compact, include_top=False).save_weights(path)
    pool5, fc7 = expected_outputs(compact)
    loaded_pool5, loaded_fc7 = loaded_outputs(path, compact)
    np.testing.assert_allclose(loaded_pool5, pool5, rtol=1e-4, atol=1e-4 * pool5.max())
    assert not np.allclose(loaded_fc7, fc7)
    assert loaded_fc7.max() > 0
    assert describe_weights(path).startswith("VGG-16 compact, Keras HDF5, 13 conv; BGR")


def test_frossards_npz(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "vgg16_weights.npz"
    write_npz(path, compact)
    check(path, compact)
    assert describe_weights(path) == (
        "VGG-16 compact, numpy archive, 13 conv + fc6, fc7; fc8 left out; "
        "RGB, means 123.68/116.78/103.94"
    )


@pytest.mark.parametrize(
    ("version", "chosen"),
    [
        (1, "vgg_16.ckpt"),
        (2, "vgg_16.ckpt"),
        (2, "vgg_16.ckpt.index"),
        (2, "vgg_16.ckpt.data-00000-of-00001"),
    ],
)
def test_slim_checkpoint(compact: Reference, tmp_path: Path, version: int, chosen: str) -> None:
    write_checkpoint(tmp_path / "vgg_16.ckpt", compact, version)
    check(tmp_path / chosen, compact, SLIM_MEANS)
    assert describe_weights(tmp_path / chosen) == (
        "VGG-16 compact, TF-Slim checkpoint, 13 conv + fc6, fc7; fc8 left out; "
        "RGB, means 123.68/116.78/103.94"
    )


def test_keras_applications_at_full_width(tmp_path: Path) -> None:
    reference = random_reference("vgg16")
    published = keras.applications.VGG16(weights=None, include_top=False)
    for name in CONVOLUTIONS:
        kernel, bias = reference.weights[name]
        file_kernel = kernel[:, :, ::-1] if name == "block1_conv1" else kernel
        published.get_layer(name).set_weights([file_kernel, bias])
    path = tmp_path / "vgg16.weights.h5"
    published.save_weights(path)
    image = np.random.default_rng(3).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    preprocessed = keras.applications.vgg16.preprocess_input(image.copy())
    expected = published.predict_on_batch(preprocessed)
    settings = TrainingSettings(backbone="vgg16", weights=path)
    network, description = build_network(settings, 3, 2)
    features = keras.Model(network.input, network.get_layer("pool5").output)
    loaded = features.predict_on_batch(image)
    np.testing.assert_allclose(loaded, expected, rtol=1e-4, atol=1e-4 * expected.max())
    assert description == "VGG-16, Keras HDF5, 13 conv; BGR, means 103.94/116.78/123.68"


def test_genuine_kernels_respond_to_colour(measurement_data: Path, tmp_path: Path) -> None:
    """What ImageNet taught the first layer: green tells most, and blue, the noisiest, least."""
    genuine = np.load(next((measurement_data / "vgg16-partial").glob("*.npz")))
    path = tmp_path / "genuine.h5"
    reference = random_reference("vgg16")
    write_legacy_hdf5(path, reference, "{0}_W_1:0 {0}_b_1:0")
    with h5py.File(path, "r+") as file:
        for name in CONVOLUTIONS[:4]:
            file[f"{name}/{name}_W_1:0"][...] = genuine[f"{name}_kernel"]
            file[f"{name}/{name}_b_1:0"][...] = genuine[f"{name}_bias"]
    with open_weights(path) as weights:
        kernel, _ = weights.read("block1_conv1")
    red, green, blue = np.abs(kernel).sum(axis=(0, 1, 3))
    assert green > red > blue

"""One VGG-16 in every form it is published in gives the same features."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import napari_fcn_crf as nfc
from napari_fcn_crf.backbones import CONVOLUTIONS
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.weights.vgg_file import describe_weights, open_weights
from tests.weights.reference import (
    Reference,
    expected_outputs,
    image_for,
    keras_model,
    loaded_outputs,
    random_reference,
)
from tests.weights.writers import (
    SLIM_MEANS,
    TORCH_MEANS,
    StateDict,
    timm_state,
    torchvision_state,
    write_checkpoint,
    write_legacy_hdf5,
    write_npz,
    write_onnx,
    write_pth,
    write_pth_with_torch,
)


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


class Contours(keras.Model):
    """VGG-16 in five blocks with a side output each, whose convolutions Keras numbers anew."""

    def __init__(self, published: keras.Model, side_kernel: int = 1) -> None:
        super().__init__()
        for block in range(1, 6):
            found = [layer for layer in published.layers if layer.name.startswith(f"block{block}_")]
            setattr(self, f"block{block}", keras.Sequential(found))
            setattr(self, f"side{block}", keras.layers.Conv2D(1, side_kernel, padding="same"))

    def call(self, x):
        sides = []
        for block in range(1, 6):
            x = getattr(self, f"block{block}")(x)
            sides.append(keras.ops.mean(getattr(self, f"side{block}")(x)))
        return sides

    def get_config(self):
        return {}


@pytest.mark.parametrize("name", ["contours.weights.h5", "contours.keras"])
@pytest.mark.parametrize("side_kernel", [1, 3])
def test_a_model_in_parts(compact: Reference, tmp_path: Path, name: str, side_kernel: int) -> None:
    """Its file knows no layer's name, and has other convolutions as well."""
    path = tmp_path / name
    model = Contours(keras_model(compact, include_top=False), side_kernel)
    model(np.zeros((1, 32, 32, 3), np.float32))
    model.save_weights(path) if name.endswith(".h5") else model.save(path)
    with open_weights(path) as file:
        assert file.names == CONVOLUTIONS
        for layer in CONVOLUTIONS:
            kernel, bias = file.read(layer)
            np.testing.assert_array_equal(kernel, compact.weights[layer][0])
            np.testing.assert_array_equal(bias, compact.weights[layer][1])
        assert file.describe().endswith("13 conv; BGR, means 103.94/116.78/123.68")


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


def test_training_starts_from_a_checkpoint_that_is_several_files(
    compact: Reference, tmp_path: Path, tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> None:
    """None of them has the name that it goes by; all of them are in the record."""
    write_checkpoint(tmp_path / "vgg_16.ckpt", compact, version=2)
    settings = TrainingSettings(weights=tmp_path / "vgg_16.ckpt", iterations=1, mode="quick")
    record = nfc.train(tiny_image, tiny_labels, settings).card.record
    content = b"".join(
        (tmp_path / f"vgg_16.ckpt.{part}").read_bytes() for part in ("index", "data-00000-of-00001")
    )
    assert record["weights_sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
@pytest.mark.parametrize("version", [1, 2])
def test_a_checkpoint_whose_name_looks_like_a_pattern(
    compact: Reference, tmp_path: Path, version: int
) -> None:
    for name in ("[2020] *", "a1.ckpt"):
        (tmp_path / name).mkdir()
    write_checkpoint(tmp_path / "plain", compact, version)
    for plain in tmp_path.glob("plain*"):
        plain.rename(tmp_path / "[2020] *" / plain.name.replace("plain", "a[1].ckpt"))
    path = tmp_path / "[2020] *" / "a[1].ckpt"
    assert describe_weights(path).startswith("VGG-16 compact, TF-Slim checkpoint, 13 conv + fc6")
    with open_weights(path) as file:
        np.testing.assert_array_equal(
            file.read("block3_conv2")[0], compact.weights["block3_conv2"][0]
        )


TORCH_CONVENTION = "RGB, means 123.67/116.28/103.53, deviations 58.4/57.12/57.38"


@pytest.mark.parametrize("state", [torchvision_state, timm_state])
def test_safetensors(compact: Reference, tmp_path: Path, state: Callable[..., StateDict]) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(state(compact), path, metadata={"format": "pt"})
    check(path, compact, TORCH_MEANS)
    assert describe_weights(path) == (
        f"VGG-16 compact, safetensors, 13 conv + fc6, fc7; fc8 left out; {TORCH_CONVENTION}"
    )


def test_half_precision_safetensors(compact: Reference, tmp_path: Path) -> None:
    for dtype in (np.float16, ml_dtypes.bfloat16):
        path = tmp_path / f"{np.dtype(dtype).name}.safetensors"
        state = {key: array.astype(dtype) for key, array in torchvision_state(compact).items()}
        safetensors.numpy.save_file(state, path)
        with open_weights(path) as file:
            kernel, bias = file.read("block2_conv2")
        expected = compact.weights["block2_conv2"]
        np.testing.assert_allclose(kernel, expected[0], rtol=2**-8, atol=1e-6)
        np.testing.assert_allclose(bias, expected[1], rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("writer", ["ours", pytest.param("torch", marks=pytest.mark.backends)])
def test_pytorch(
    compact: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_zip: bool,
    writer: str,
) -> None:
    path = tmp_path / "vgg16-397923af.pth"
    if writer == "torch":
        pytest.importorskip("torch")
        write_pth_with_torch(path, torchvision_state(compact), as_zip=as_zip)
    else:
        with monkeypatch.context() as context:
            write_pth(path, torchvision_state(compact), context, as_zip=as_zip)
    check(path, compact, TORCH_MEANS)
    assert describe_weights(path) == (
        f"VGG-16 compact, PyTorch, 13 conv + fc6, fc7; fc8 left out; {TORCH_CONVENTION}"
    )


def test_onnx(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "vgg16-7.onnx"
    write_onnx(path, compact)
    check(path, compact, TORCH_MEANS)
    assert describe_weights(path) == (
        f"VGG-16 compact, ONNX, 13 conv + fc6, fc7; fc8 left out; {TORCH_CONVENTION}"
    )


@pytest.mark.parametrize("kind", ["float", "double", "half", "packed"])
def test_onnx_as_other_programs_write_it(compact: Reference, tmp_path: Path, kind: str) -> None:
    """With numbers in fields of their own type, dense kernels as (in, out), sizes in one field."""
    import onnx

    path = tmp_path / "vgg16.onnx"
    write_onnx(path, compact)
    with open_weights(path) as file:
        expected = {name: file.read(name) for name in file.names}
    assert "fc7" in expected
    model = onnx.load(str(path))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        node.doc_string = "A line about it."
        if node.op_type == "Gemm":
            del node.attribute[:]
            kernel = stored[node.input[1]]
            transposed = np.ascontiguousarray(onnx.numpy_helper.to_array(kernel).T)
            kernel.CopyFrom(onnx.numpy_helper.from_array(transposed, kernel.name))
    for tensor in stored.values():
        values = onnx.numpy_helper.to_array(tensor)
        if kind == "half":
            half = onnx.numpy_helper.from_array(values.astype(np.float16), tensor.name)
            tensor.CopyFrom(half)
        elif kind == "float":
            tensor.ClearField("raw_data")
            tensor.float_data.extend(values.ravel())
        elif kind == "double":
            tensor.ClearField("raw_data")
            tensor.data_type = onnx.TensorProto.DOUBLE
            tensor.double_data.extend(values.ravel())
    if kind == "packed":
        path.write_bytes(_with_packed_sizes(model))
    else:
        onnx.save(model, str(path))
    with open_weights(path) as file:
        assert file.names == tuple(expected)
        for name, arrays in expected.items():
            for found, array in zip(file.read(name), arrays, strict=True):
                assert found.dtype == np.float32
                tolerance = 1e-3 if kind == "half" else 0
                np.testing.assert_allclose(found, array, rtol=tolerance, atol=tolerance)


def _with_packed_sizes(model: Any) -> bytes:
    """Return what writers by the third version of the schema make of a model."""

    def number(value: int) -> bytes:
        more = value >> 7
        return bytes([value & 127 | 128]) + number(more) if more else bytes([value])

    def field(key: int, content: bytes) -> bytes:
        return number(key << 3 | 2) + number(len(content)) + content

    initialisers = b""
    for tensor in model.graph.initializer:
        sizes = b"".join(map(number, tensor.dims))
        tensor.ClearField("dims")
        initialisers += field(5, field(1, sizes) + tensor.SerializeToString())
    model.graph.ClearField("initializer")
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    return bytes(model.SerializeToString() + field(7, graph + initialisers))


@pytest.mark.parametrize("architecture", ["fcn32s", "fcn8s"])
def test_a_model_saved_here(compact: Reference, tmp_path: Path, architecture: str) -> None:
    """Its channels are red, green and blue, and it knows its own means."""
    npz = tmp_path / "vgg.npz"
    write_npz(npz, compact)
    settings = TrainingSettings(architecture=architecture, weights=npz)
    network, _ = build_network(settings, 3, 2)
    path = tmp_path / "trained.keras"
    network.save(path)
    check(path, compact)
    assert describe_weights(path) == (
        "VGG-16 compact, Keras model, 13 conv + fc6, fc7; fc8 left out; "
        "RGB, means 123.68/116.78/103.94"
    )


@pytest.mark.long
def test_keras_applications_at_full_width(tmp_path: Path) -> None:
    reference = random_reference("vgg16")
    published = keras.applications.VGG16(weights=None)
    for name, (kernel, bias) in reference.weights.items():
        if name != "predictions":
            file_kernel = kernel[:, :, ::-1] if name == "block1_conv1" else kernel
            published.get_layer(name).set_weights([file_kernel, bias])
    path = tmp_path / "vgg16.weights.h5"
    published.save_weights(path)
    assert describe_weights(path) == (
        "VGG-16, Keras HDF5, 13 conv + fc6, fc7; fc8 left out; BGR, means 103.94/116.78/123.68"
    )

    image = image_for(reference)
    preprocessed = keras.applications.vgg16.preprocess_input(image.copy())
    outputs = [published.get_layer(name).output for name in ("block5_pool", "fc2")]
    pool5, fc7 = keras.Model(published.input, outputs).predict_on_batch(preprocessed)
    loaded_pool5, loaded_fc7 = loaded_outputs(path, reference)
    np.testing.assert_allclose(loaded_pool5, pool5, rtol=1e-4, atol=1e-4 * pool5.max())
    np.testing.assert_allclose(loaded_fc7, fc7, rtol=1e-4, atol=1e-4 * fc7.max())

    # LargeFOV thins out what is too wide for it.
    settings = TrainingSettings(architecture="largefov", backbone="vgg16", weights=path)
    network, _ = build_network(settings, 3, 2)
    fc6 = reference.weights["fc1"][0].reshape(7, 7, 512, 4096)
    np.testing.assert_array_equal(network.get_layer("fc6").get_weights()[0], fc6[::3, ::3, :, ::4])
    np.testing.assert_array_equal(
        network.get_layer("fc7").get_weights()[0][0, 0], reference.weights["fc2"][0][::4, ::4]
    )


@pytest.mark.long
def test_every_kernel_at_full_width(tmp_path: Path) -> None:
    """In Keras' and torchvision's layouts, read as they are without building a network."""
    reference = random_reference("vgg16")
    state = torchvision_state(reference)

    def keras_hdf5(path: Path) -> None:
        write_legacy_hdf5(path, reference, "{0}_W_1:0 {0}_b_1:0")

    forms: dict[str, Callable[[Path], None]] = {
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5": keras_hdf5,
        "model.safetensors": lambda path: safetensors.numpy.save_file(state, path),
    }
    names = dict.fromkeys(CONVOLUTIONS) | {"fc6": "fc1", "fc7": "fc2"}
    for form, write in forms.items():
        path = tmp_path / form
        write(path)
        with open_weights(path) as file:
            assert file.backbone == "vgg16"
            assert file.names == tuple(names)
            for ours, theirs in names.items():
                expected, expected_bias = reference.weights[theirs or ours]
                kernel, bias = file.read(ours)
                shape = {"fc6": (7, 7, 512, 4096), "fc7": (1, 1, 4096, 4096)}.get(ours)
                assert kernel.shape == (shape or expected.shape)
                if ours == CONVOLUTIONS[0]:
                    # It was multiplied by the deviations, and divided by them again.
                    np.testing.assert_allclose(kernel, expected, rtol=1e-6)
                else:
                    assert np.array_equal(kernel.ravel(), expected.ravel())
                assert np.array_equal(bias, expected_bias)
        path.unlink()


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

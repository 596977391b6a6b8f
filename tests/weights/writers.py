"""The reference in every form that VGG-16 is published in."""

from __future__ import annotations

import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from napari_fcn_crf.backbones import CONVOLUTIONS
from tests.weights.reference import Reference

SLIM_MEANS = np.array([123.68, 116.78, 103.94], np.float32)
TORCH_MEANS = np.array([0.485, 0.456, 0.406], np.float32) * 255
TORCH_DEVIATIONS = np.array([0.229, 0.224, 0.225], np.float32) * 255

StateDict = dict[str, npt.NDArray[np.float32]]


def slim_name(name: str) -> str:
    """Return "conv1_1" for "block1_conv1" and "fc6" for "fc1"."""
    fully_connected = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    return fully_connected.get(name) or f"conv{name[5]}_{name[-1]}"


def write_legacy_hdf5(path: Path, reference: Reference, pattern: str) -> None:
    """Write Keras' older HDF5; `pattern` names kernel and bias by the layer's name `{0}`."""
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in reference.weights.items():
            group = file.create_group(name)
            file_kernel = kernel[:, :, ::-1] if name == "block1_conv1" else kernel
            first, second = pattern.split()
            group[first.format(name)] = file_kernel
            group[second.format(name)] = bias


def write_npz(path: Path, reference: Reference) -> None:
    """Write Frossard's archive."""
    arrays = {}
    for name, (kernel, bias) in reference.weights.items():
        arrays |= {f"{slim_name(name)}_W": kernel, f"{slim_name(name)}_b": bias}
    np.savez(path, **arrays)


def write_checkpoint(prefix: Path, reference: Reference, version: int) -> None:
    """Write a TF-Slim checkpoint with TensorFlow's own Saver."""
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


def torchvision_state(reference: Reference) -> StateDict:
    """Return the weights as torchvision's `vgg16` has them: for images of zero mean, variance 1."""
    positions = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    names = {
        name: f"features.{position}" for name, position in zip(CONVOLUTIONS, positions, strict=True)
    } | {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}
    state = {}
    for name, (kernel, bias) in reference.weights.items():
        if name == "block1_conv1":
            kernel = kernel * TORCH_DEVIATIONS[:, np.newaxis]
        if name == "fc1":
            rows = reference.rows
            # PyTorch flattens channels first.
            weight = kernel.reshape(rows, rows, -1, kernel.shape[-1]).transpose(3, 2, 0, 1)
            weight = weight.reshape(kernel.shape[::-1])
        else:
            weight = kernel.T if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1)
        state[f"{names[name]}.weight"] = np.ascontiguousarray(weight)
        state[f"{names[name]}.bias"] = bias
    return state


def timm_state(reference: Reference) -> StateDict:
    """Return the weights as timm's `vgg16` has them: fc6 and fc7 as convolutions."""
    rows = reference.rows
    names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2"}
    names["classifier.6"] = "head.fc"
    state = {}
    for name, array in torchvision_state(reference).items():
        layer, _, kind = name.rpartition(".")
        if layer == "classifier.0" and array.ndim == 2:
            array = array.reshape(len(array), -1, rows, rows)
        elif layer == "classifier.3" and array.ndim == 2:
            array = array[..., np.newaxis, np.newaxis]
        state[f"{names.get(layer, layer)}.{kind}"] = array
    return state


def write_pth_with_torch(path: Path, state: StateDict, *, as_zip: bool) -> None:
    """Write a state dict with PyTorch itself."""
    import torch

    tensors = OrderedDict((name, torch.from_numpy(array)) for name, array in state.items())
    torch.save(tensors, path, _use_new_zipfile_serialization=as_zip)


def write_pth(
    path: Path, state: StateDict, monkeypatch: pytest.MonkeyPatch, *, as_zip: bool
) -> None:
    """Write a state dict byte for byte as PyTorch would, without it."""
    storage_type = type("FloatStorage", (), {"__module__": "torch"})

    def rebuild() -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils = types.ModuleType("torch._utils")
    torch = types.ModuleType("torch")
    utils._rebuild_tensor_v2, torch._utils = rebuild, utils
    torch.FloatStorage = storage_type
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Storage:
        def __init__(self, key: str, count: int) -> None:
            end = () if as_zip else (None,)
            self.identity = ("storage", storage_type, key, "cpu", count, *end)

    class Tensor:
        def __init__(self, key: str, array: npt.NDArray[np.float32]) -> None:
            strides = tuple(stride // array.itemsize for stride in array.strides)
            storage = Storage(key, array.size)
            self.arguments = (storage, 0, array.shape, strides, False, OrderedDict())

        def __reduce_ex__(self, protocol: Any) -> Any:
            return rebuild, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return value.identity if isinstance(value, Storage) else None

    tensors = OrderedDict(
        (name, Tensor(str(key), array)) for key, (name, array) in enumerate(state.items())
    )
    tensors._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
    if as_zip:
        with zipfile.ZipFile(path, "w") as archive:
            with archive.open("vgg16/data.pkl", "w") as member:
                Pickler(member, 2).dump(tensors)
            archive.writestr("vgg16/byteorder", "little")
            for key, array in enumerate(state.values()):
                archive.writestr(f"vgg16/data/{key}", array.tobytes())
            archive.writestr("vgg16/version", "3\n")
        return
    with path.open("wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file, 2)
        pickle.dump(1001, file, 2)
        sizes = {"short": 2, "int": 4, "long": 4}
        pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}, file, 2)
        Pickler(file, 2).dump(tensors)
        # PyTorch writes them in the order of their keys as text.
        keys = sorted(map(str, range(len(state))))
        pickle.dump(keys, file, 2)
        arrays = list(state.values())
        for key in keys:
            array = arrays[int(key)]
            file.write(array.size.to_bytes(8, "little") + array.tobytes())


def write_onnx(path: Path, reference: Reference, *, external: bool = False) -> None:
    """Write an ONNX model as the model zoo has it, converted from MXNet."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, initialisers = [], []
    previous = "data"
    for name, array in torchvision_state(reference).items():
        layer, _, kind = name.rpartition(".")
        stored = f"vgg0_{layer.replace('.', '_')}_{kind}"
        initialisers.append(numpy_helper.from_array(array, stored))
        if kind == "bias":
            weight = stored.replace("bias", "weight")
            output = f"{stored}_fwd"
            if layer.startswith("features"):
                nodes.append(
                    helper.make_node("Conv", [previous, weight, stored], [output], pads=[1] * 4)
                )
            else:
                nodes.append(
                    helper.make_node("Gemm", [previous, weight, stored], [output], transB=1)
                )
            nodes.append(helper.make_node("Relu", [output], [f"{output}_relu"]))
            previous = f"{output}_relu"
    # The order in which they are stored says nothing.
    initialisers = initialisers[::-1]
    image = helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, [1, 3, None, None])
    scores = helper.make_tensor_value_info(previous, onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "vgg16", [image], [scores], initialisers)
    model = helper.make_model(graph)
    onnx.save(model, str(path), save_as_external_data=external, size_threshold=0)

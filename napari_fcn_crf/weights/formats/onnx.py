"""ONNX models: the initialisers that convolutions and dense layers refer to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import (
    TORCH,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, LayerTensors, in_order

SIZE_LIMIT_BYTES = 2**30
"""VGG-16 has 553 MB; the file is read at once."""


def onnx_layers(path: Path) -> Layers:
    """Read an ONNX model's convolutions and dense layers, in the order of its graph."""
    try:
        import onnx
    except ImportError as error:
        raise not_weights(
            path,
            "looks like an ONNX model and the onnx package is missing; "
            "install it, e.g. pip install onnx",
        ) from error
    from google.protobuf.message import DecodeError

    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise not_weights(path, f"has {size} bytes, twice as many as VGG-16 in ONNX")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise not_weights(path, "is neither ONNX nor of another known kind") from error
    initialisers = {tensor.name: tensor for tensor in model.graph.initializer}
    return in_order(list(_in_graph(path, model.graph.node, initialisers)))


def _in_graph(path: Path, nodes: Any, initialisers: dict[str, Any]) -> Iterator[LayerTensors]:
    for node in nodes:
        names = list(node.input)[1:3]
        if node.op_type not in ("Conv", "Gemm") or len(names) < 2:
            continue
        if not all(name in initialisers for name in names):
            continue
        kernel, bias = (_tensor(path, initialisers[name]) for name in names)
        transposed = any(item.name == "transB" and item.i for item in node.attribute)
        if node.op_type == "Gemm" and not transposed and len(kernel.shape) == 2:
            kernel = Tensor(kernel.shape[::-1], partial(_read_transposed, kernel))
        yield LayerTensors(kernel, bias)


def _tensor(path: Path, initialiser: Any) -> Tensor:
    from onnx import TensorProto

    if initialiser.data_location == TensorProto.EXTERNAL:
        raise not_weights(path, "keeps its numbers in another file")
    if initialiser.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
        raise not_weights(path, "holds other numbers than floating point")
    return Tensor(tuple(initialiser.dims), partial(_read, initialiser))


def _read(initialiser: Any) -> npt.NDArray[np.float32]:
    from onnx import numpy_helper

    return as_float32(numpy_helper.to_array(initialiser))


def _read_transposed(tensor: Tensor) -> npt.NDArray[np.float32]:
    return as_float32(tensor.read().T)


def _matches(look: FirstLook) -> bool:
    # The first field is a version below 128.
    return look.head[:1] == b"\x08" and look.head[1:2] < b"\x80"


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    return onnx_layers(look.path), TORCH


FORMAT = WeightsFormat("ONNX", (".onnx",), _matches, _layers, library="ONNX")

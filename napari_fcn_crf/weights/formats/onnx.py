"""ONNX models: the initialisers that convolutions and dense layers refer to.

They are read without the onnx package, which would make objects of all that is in a file before
anything can be looked at: a hundred times its size, if somebody wants that.

References
----------
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.protobuf import Budget, TooManyFieldsError, fields, varints
from napari_fcn_crf.weights.formats.tensors import (
    MOST_AXES,
    TORCH,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, LayerTensors, in_order

_MOST_FIELDS = 50_000
"""VGG-16 has some 600, with a name and a line of documentation for everything 2000."""

_LONGEST_NAME_BYTES = 1000

# The numbers of the fields in onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I = 1, 3
_TENSOR_DIMS, _TENSOR_DATA_TYPE, _TENSOR_NAME, _TENSOR_RAW_DATA = 1, 2, 8, 9
_TENSOR_DATA_LOCATION, _EXTERNAL = 14, 1

_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}
_TYPED_DATA = {4: 1, 10: 11}
"""Fields with packed numbers, used instead of raw data, and the type that each is for."""


@contextmanager
def onnx_layers(path: Path) -> Iterator[Layers]:
    """Open an ONNX model's convolutions and dense layers, in the order of its graph."""
    with path.open("rb") as file:
        try:
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as buffer,
            ):
                nodes, initialisers = _graph(buffer)
        except TooManyFieldsError as error:
            raise not_weights(path, "describes more than any VGG-16 has") from error
        except InputError as error:
            raise not_weights(path, "is neither ONNX nor of another known kind") from error
        yield in_order(list(_layers(path, file, nodes, initialisers)))


@dataclass
class _Node:
    op_type: str = ""
    inputs: list[str] = field(default_factory=list)
    is_transposed: bool = False


@dataclass
class _Initialiser:
    name: str = ""
    shape: list[int] = field(default_factory=list)
    data_type: int = 0
    is_external: bool = False
    data: dict[int, slice] = field(default_factory=dict)
    """Where its numbers are, by the field that they are in."""


def _graph(buffer: memoryview) -> tuple[list[_Node], dict[str, _Initialiser]]:
    budget = Budget(_MOST_FIELDS)
    nodes, initialisers = [], {}
    for number, graph in fields(buffer, slice(0, len(buffer)), budget):
        if number != _MODEL_GRAPH or not isinstance(graph, slice):
            continue
        for kind, place in fields(buffer, graph, budget):
            if kind == _GRAPH_NODE and isinstance(place, slice):
                nodes.append(_node(buffer, place, budget))
            elif kind == _GRAPH_INITIALIZER and isinstance(place, slice):
                found = _initialiser(buffer, place, budget)
                initialisers[found.name] = found
    return nodes, initialisers


def _node(buffer: memoryview, place: slice, budget: Budget) -> _Node:
    node = _Node()
    for number, value in fields(buffer, place, budget):
        if not isinstance(value, slice):
            continue
        if number == _NODE_INPUT:
            node.inputs.append(_text(buffer, value))
        elif number == _NODE_OP_TYPE:
            node.op_type = _text(buffer, value)
        elif number == _NODE_ATTRIBUTE:
            node.is_transposed |= _is_trans_b(buffer, value, budget)
    return node


def _is_trans_b(buffer: memoryview, place: slice, budget: Budget) -> bool:
    found = dict(fields(buffer, place, budget))
    name = found.get(_ATTRIBUTE_NAME)
    is_named = isinstance(name, slice) and _text(buffer, name) == "transB"
    return is_named and bool(found.get(_ATTRIBUTE_I))


def _initialiser(buffer: memoryview, place: slice, budget: Budget) -> _Initialiser:
    tensor = _Initialiser()
    for number, value in fields(buffer, place, budget):
        if number == _TENSOR_DIMS:
            # Older writers give each its own field.
            sizes = [value] if isinstance(value, int) else varints(buffer, value, budget)
            tensor.shape.extend(sizes)
        elif number == _TENSOR_DATA_TYPE and isinstance(value, int):
            tensor.data_type = value
        elif number == _TENSOR_DATA_LOCATION:
            tensor.is_external = value == _EXTERNAL
        elif number == _TENSOR_NAME and isinstance(value, slice):
            tensor.name = _text(buffer, value)
        elif (number in _TYPED_DATA or number == _TENSOR_RAW_DATA) and isinstance(value, slice):
            if number in tensor.data:
                raise InputError("numbers in pieces")
            tensor.data[number] = value
    if len(tensor.shape) > MOST_AXES:
        raise InputError(f"{len(tensor.shape)} axes")
    return tensor


def _text(buffer: memoryview, place: slice) -> str:
    if place.stop - place.start > _LONGEST_NAME_BYTES:
        raise InputError("a name that is no name")
    try:
        return str(buffer[place], "utf-8")
    except UnicodeDecodeError as error:
        raise InputError("a name that is no text") from error


def _layers(
    path: Path, file: Any, nodes: list[_Node], initialisers: dict[str, _Initialiser]
) -> Iterator[LayerTensors]:
    for node in nodes:
        names = node.inputs[1:3]
        if node.op_type not in ("Conv", "Gemm") or len(names) < 2:
            continue
        if not all(name in initialisers for name in names):
            continue
        kernel, bias = (_tensor(path, file, initialisers[name]) for name in names)
        if node.op_type == "Gemm" and not node.is_transposed and len(kernel.shape) == 2:
            kernel = Tensor(kernel.shape[::-1], partial(_read_transposed, kernel))
        yield LayerTensors(kernel, bias)


def _tensor(path: Path, file: Any, found: _Initialiser) -> Tensor:
    if found.is_external:
        raise not_weights(path, "keeps its numbers in another file")
    dtype = _DTYPES.get(found.data_type)
    if dtype is None:
        raise not_weights(path, "holds other numbers than floating point")
    places = [
        place
        for number, place in found.data.items()
        if _TYPED_DATA.get(number, found.data_type) == found.data_type
    ]
    shape = tuple(found.shape)
    n_bytes = math.prod(shape) * dtype.itemsize
    if not places:
        raise not_weights(path, "keeps its numbers in a form that no exporter does")
    if len(places) != 1 or places[0].stop - places[0].start != n_bytes:
        raise not_weights(path, "holds an array that has another size than its shape")
    return Tensor(shape, partial(_read, file, places[0].start, shape, dtype))


def _read(
    file: Any, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[np.float32]:
    file.seek(start)
    return as_float32(np.fromfile(file, dtype, math.prod(shape)).reshape(shape))


def _read_transposed(tensor: Tensor) -> npt.NDArray[np.float32]:
    return as_float32(tensor.read().T)


def _matches(look: FirstLook) -> bool:
    # The first field is a version below 128.
    return look.head[:1] == b"\x08" and look.head[1:2] < b"\x80"


def _open(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    return stack.enter_context(onnx_layers(look.path)), TORCH


FORMAT = WeightsFormat("ONNX", (".onnx",), _matches, _open, library="ONNX")

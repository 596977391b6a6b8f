"""`.safetensors` files: a JSON header, then plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import (
    HEADER_LIMIT_BYTES,
    TORCH,
    Convention,
    Tensor,
    as_float32,
    bfloat16_to_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, pytorch_layers

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@contextmanager
def safetensors_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open a `.safetensors` file's float arrays; only its header is read."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_LIMIT_BYTES:
            raise not_weights(path, f"has a header of {length} bytes")
        header = json.loads(file.read(length))
        size = path.stat().st_size
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__" or entry["dtype"] not in _DTYPES:
                continue
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            shape = tuple(int(side) for side in entry["shape"])
            start, end = (int(offset) + 8 + length for offset in entry["data_offsets"])
            if min(shape, default=0) < 0 or end - start != math.prod(shape) * dtype.itemsize:
                raise not_weights(
                    path, f"is damaged: {quoted(name, 40)} has another size than its shape"
                )
            if not 8 + length <= start <= end <= size:
                raise not_weights(path, "is truncated")
            read = partial(_read, file, start, shape, dtype)
            tensors[name] = Tensor(shape, read)
        yield tensors


def _read(
    file: Any, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[np.float32]:
    file.seek(start)
    values = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
    return bfloat16_to_float32(values) if dtype == np.dtype("<u2") else as_float32(values)


def _matches(look: FirstLook) -> bool:
    length = int.from_bytes(look.head[:8], "little")
    return look.head[8:9] == b"{" and 2 <= length <= look.size - 8


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    return pytorch_layers(stack.enter_context(safetensors_tensors(look.path))), TORCH


FORMAT = WeightsFormat("safetensors", (".safetensors",), _matches, _layers, library="PyTorch")

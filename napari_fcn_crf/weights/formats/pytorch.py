"""PyTorch's `.pth` files, both the zip form and the older one, without PyTorch."""

from __future__ import annotations

import io
import itertools
import math
import operator
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.pytorch_pickle import (
    ForbiddenPickle,
    StoredTensor,
    load_restricted,
)
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
from napari_fcn_crf.zip_files import open_zip

LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

_ReadStorage = Callable[[str, "np.dtype[Any]", int, int], npt.NDArray[Any]]


@contextmanager
def pytorch_zip_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open the float tensors of a `.pth` file in the zip form."""
    with open_zip(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise not_weights(path, "is not a plain file of tensors")
        if archive.getinfo(pickles[0]).file_size > HEADER_LIMIT_BYTES:
            raise not_weights(path, "describes more tensors than any VGG-16 has")
        # As PyTorch writes them; compressed, a few bytes could be gigabytes.
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise not_weights(path, "is a compressed zip file, which PyTorch never writes")
        folder = pickles[0].removesuffix("data.pkl") + "data/"

        def read_storage(
            key: str, dtype: np.dtype[Any], first: int, count: int
        ) -> npt.NDArray[Any]:
            with archive.open(folder + key) as member:
                member.seek(first * dtype.itemsize)
                return np.frombuffer(member.read(count * dtype.itemsize), dtype)

        yield _tensors(path, _unpickle(path, io.BytesIO(archive.read(pickles[0]))), read_storage)


@contextmanager
def pytorch_legacy_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open the float tensors of a `.pth` file from before PyTorch 1.6.

    Five pickles follow one another: a magic number, a version, facts about the machine, the state
    dict, and the storages' keys; then each storage's count and numbers.
    """
    with path.open("rb") as file:
        head = io.BytesIO(file.read(HEADER_LIMIT_BYTES))
        *_, state, keys = (_unpickle(path, head) for _ in range(5))
        dtypes = {tensor.key: np.dtype(tensor.dtype) for tensor in _named(state).values()}
        starts: dict[str, tuple[int, int]] = {}
        position = head.tell()
        for key in keys if isinstance(keys, list) else []:
            if not isinstance(key, str) or key not in dtypes:
                raise not_weights(path, "holds numbers that belong to no tensor")
            file.seek(position)
            count = int.from_bytes(file.read(8), "little")
            starts[key] = position + 8, count
            position += 8 + count * dtypes[key].itemsize

        def read_storage(
            key: str, dtype: np.dtype[Any], first: int, count: int
        ) -> npt.NDArray[Any]:
            start, available = starts[key]
            if first + count > available:
                raise not_weights(path, "is truncated")
            file.seek(start + first * dtype.itemsize)
            return np.fromfile(file, dtype, count)

        yield _tensors(path, state, read_storage)


def _unpickle(path: Path, file: io.BytesIO) -> Any:
    try:
        return load_restricted(file)
    except ForbiddenPickle as error:
        raise not_weights(
            path, f"is a pickle that asks for more than tensors ({error}); it was not opened"
        ) from error
    except (
        pickle.UnpicklingError,
        struct.error,
        LookupError,
        TypeError,
        ValueError,
        EOFError,
        AttributeError,
        OverflowError,
    ) as error:
        raise not_weights(path, "contains a damaged pickle") from error


def _named(state: Any) -> dict[str, StoredTensor]:
    """Return a state dict's tensors, also of one inside a training checkpoint."""
    if not isinstance(state, Mapping):
        return {}
    for key in ("state_dict", "model"):
        if isinstance(state.get(key), Mapping):
            state = state[key]
    named = {str(name).removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in named.items() if isinstance(value, StoredTensor)}


def _tensors(path: Path, state: Any, read_storage: _ReadStorage) -> dict[str, Tensor]:
    tensors = {}
    for name, stored in _named(state).items():
        if np.dtype(stored.dtype).kind == "i":
            continue
        if stored.strides != _contiguous_strides(stored.shape):
            raise not_weights(path, f"stores {quoted(name, 40)} in an order of its own")
        read = partial(_read, stored, read_storage)
        tensors[name] = Tensor(stored.shape, read)
    return tensors


def _contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    products = itertools.accumulate(reversed(shape[1:]), operator.mul, initial=1)
    return tuple(products)[::-1] if shape else ()


def _read(stored: StoredTensor, read_storage: _ReadStorage) -> npt.NDArray[np.float32]:
    dtype = np.dtype(stored.dtype)
    values = read_storage(stored.key, dtype, stored.offset, math.prod(stored.shape))
    values = values.reshape(stored.shape)
    return bfloat16_to_float32(values) if dtype == np.dtype("<u2") else as_float32(values)


def _matches(look: FirstLook) -> bool:
    is_new = any(name.endswith("/data.pkl") for name in look.members)
    return is_new or look.head.startswith(LEGACY_MAGIC)


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    opened = pytorch_zip_tensors if look.is_zip else pytorch_legacy_tensors
    return pytorch_layers(stack.enter_context(opened(look.path))), TORCH


FORMAT = WeightsFormat("PyTorch", (".pth",), _matches, _layers, library="PyTorch")

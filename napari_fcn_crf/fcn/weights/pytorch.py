"""PyTorch's `.pth` files, both the zip form and the older one, without PyTorch."""

from __future__ import annotations

import itertools
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.weights.restricted_pickle import (
    SIZE_LIMIT_BYTES,
    ForbiddenPickle,
    StoredTensor,
    load_restricted,
)
from napari_fcn_crf.fcn.weights.tensors import Tensor, as_float32, bfloat16_to_float32, not_weights

LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

_ReadStorage = Callable[[str, "np.dtype[Any]", int, int], npt.NDArray[Any]]


@contextmanager
def pytorch_zip_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open the float tensors of a `.pth` file in the zip form."""
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise not_weights(path, "is not a plain file of tensors")
        if archive.getinfo(pickles[0]).file_size > SIZE_LIMIT_BYTES:
            raise not_weights(path, "describes more tensors than any VGG-16 has")
        folder = pickles[0].removesuffix("data.pkl") + "data/"

        def read_storage(
            key: str, dtype: np.dtype[Any], first: int, count: int
        ) -> npt.NDArray[Any]:
            with archive.open(folder + key) as member:
                member.seek(first * dtype.itemsize)
                return np.frombuffer(member.read(count * dtype.itemsize), dtype)

        yield _tensors(path, _unpickle(path, archive.read(pickles[0]))[0], read_storage)


@contextmanager
def pytorch_legacy_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open the float tensors of a `.pth` file from before PyTorch 1.6.

    Five pickles follow one another: a magic number, a version, facts about the machine, the state
    dict, and the storages' keys; then each storage's count and numbers.
    """
    with path.open("rb") as file:
        head = file.read(SIZE_LIMIT_BYTES)
        values, position = [], 0
        for _ in range(5):
            value, length = _unpickle(path, head[position:])
            values.append(value)
            position += length
        *_, state, keys = values
        dtypes = {tensor.key: np.dtype(tensor.dtype) for tensor in _named(state).values()}
        starts: dict[str, tuple[int, int]] = {}
        for key in keys:
            file.seek(position)
            count = int.from_bytes(file.read(8), "little")
            starts[str(key)] = position + 8, count
            if str(key) not in dtypes:
                raise not_weights(path, "holds numbers that belong to no tensor")
            position += 8 + count * dtypes[str(key)].itemsize

        def read_storage(
            key: str, dtype: np.dtype[Any], first: int, count: int
        ) -> npt.NDArray[Any]:
            start, available = starts[key]
            if first + count > available:
                raise not_weights(path, "is truncated")
            file.seek(start + first * dtype.itemsize)
            return np.fromfile(file, dtype, count)

        yield _tensors(path, state, read_storage)


def _unpickle(path: Path, data: bytes) -> tuple[Any, int]:
    try:
        return load_restricted(data)
    except ForbiddenPickle as error:
        raise not_weights(
            path, f"is a pickle that asks for more than tensors ({error}), so it was not opened"
        ) from error
    except (LookupError, TypeError, ValueError, OverflowError) as error:
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
            raise not_weights(path, f"stores {name} in an order of its own")
        read = partial(_read, stored, read_storage)
        tensors[name] = Tensor(stored.shape, read)
    return tensors


def _contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    products = itertools.accumulate(reversed(shape[1:]), lambda one, two: one * two, initial=1)
    return tuple(products)[::-1] if shape else ()


def _read(stored: StoredTensor, read_storage: _ReadStorage) -> npt.NDArray[np.float32]:
    dtype = np.dtype(stored.dtype)
    values = read_storage(stored.key, dtype, stored.offset, math.prod(stored.shape))
    values = values.reshape(stored.shape)
    return bfloat16_to_float32(values) if dtype == np.dtype("<u2") else as_float32(values)

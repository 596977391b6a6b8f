"""Numpy archives (`.npz`), without unpickling anything."""

from __future__ import annotations

import io
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import (
    FROSSARD,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, named_layers
from napari_fcn_crf.zip_files import open_zip

_HEADER_LIMIT_BYTES = 10_000
"""What numpy takes by itself, though only after it has read all of it."""


@contextmanager
def npz_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open a `.npz` file's float arrays; only their headers are read."""
    with open_zip(path) as archive:
        tensors = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                continue
            with archive.open(info) as member:
                shape, dtype = read_npy_header(member)
            if dtype.hasobject:
                raise not_weights(path, "contains pickled objects, which are never opened")
            if dtype.kind == "f":
                tensors[name] = Tensor(shape, partial(_read_member, archive, info))
        yield tensors


def read_npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the type of the array in a `.npy` file.

    Raises
    ------
    ValueError
        If the header is damaged or longer than one of numbers ever is.
    """
    version = np.lib.format.read_magic(member)
    length_bytes, read = {
        (1, 0): (2, np.lib.format.read_array_header_1_0),
        (2, 0): (4, np.lib.format.read_array_header_2_0),
    }.get(version, (0, None))
    if read is None:
        raise InputError("of a version that no array of numbers needs")
    start = member.read(length_bytes)
    length = int.from_bytes(start, "little")
    if length > _HEADER_LIMIT_BYTES:
        raise InputError(f"a header of {length} bytes")
    try:
        shape, _, dtype = read(io.BytesIO(start + member.read(length)))
    # Python's parser for what is not even Python, or nested a thousand times.
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError("a damaged header") from error
    return shape, dtype


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(info) as member:
        return as_float32(np.lib.format.read_array(member, allow_pickle=False))


def _matches(look: FirstLook) -> bool:
    return any(name.endswith(".npy") for name in look.members)


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    found = stack.enter_context(npz_tensors(look.path))
    return named_layers(found, "{layer}_W", "{layer}_b"), FROSSARD


FORMAT = WeightsFormat("numpy archive", (".npz",), _matches, _layers, library="numpy")

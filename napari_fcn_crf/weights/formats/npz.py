"""Numpy archives (`.npz`), without unpickling anything."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import (
    FROSSARD,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, named_layers
from napari_fcn_crf.zip_files import open_zip, read_npy_header


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


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(info) as member:
        return as_float32(np.lib.format.read_array(member, allow_pickle=False))


def _matches(look: FirstLook) -> bool:
    return any(name.endswith(".npy") for name in look.members)


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    found = stack.enter_context(npz_tensors(look.path))
    return named_layers(found, "{layer}_W", "{layer}_b"), FROSSARD


FORMAT = WeightsFormat("numpy archive", (".npz",), _matches, _layers, library="numpy")

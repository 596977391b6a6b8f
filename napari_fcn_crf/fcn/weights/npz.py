"""Numpy archives, without unpickling anything."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.weights.tensors import Tensor, as_float32, not_weights


@contextmanager
def npz_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open a `.npz` file's float arrays; only their headers are read."""
    with zipfile.ZipFile(path) as archive:
        tensors = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                continue
            with archive.open(info) as member:
                shape, dtype = _read_header(member)
            if dtype.hasobject:
                raise not_weights(path, "contains pickled objects, which are never opened")
            if dtype.kind == "f":
                tensors[name] = Tensor(shape, partial(_read_member, archive, info))
        yield tensors


def _read_header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(member)
    return shape, dtype


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(info) as member:
        return as_float32(np.lib.format.read_array(member, allow_pickle=False))

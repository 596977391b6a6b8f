"""Keras' HDF5 files: legacy `.h5` with and without top, and Keras 3's `.weights.h5`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from napari_fcn_crf.fcn.weights.tensors import Tensor, as_float32, not_weights

_MAXIMUM_DATASETS = 2000


@contextmanager
def hdf5_tensors(path: Path, file: Any = None) -> Iterator[dict[str, Tensor]]:
    """Open an HDF5 file's float arrays, named by their path in it.

    Parameters
    ----------
    path : Path
        Named in errors.
    file : binary file, optional
        Read instead of `path`.
    """
    with h5py.File(file or path, "r") as root:
        tensors: dict[str, Tensor] = {}

        # Soft and external links are not visited, so nothing outside the file is read.
        def collect(name: str, item: Any) -> None:
            if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
                return
            if item.is_virtual or item.external:
                raise not_weights(path, "refers to other files")
            if len(tensors) == _MAXIMUM_DATASETS:
                raise not_weights(path, f"holds more than {_MAXIMUM_DATASETS} arrays")
            tensors[name] = Tensor(item.shape, lambda: as_float32(item[()]))

        root.visititems(collect)
        yield tensors

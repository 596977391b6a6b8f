"""Keras' HDF5 files: legacy `.h5` with and without top, and Keras 3's `.weights.h5`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.hdf5_heaps import MAGIC, check_heaps
from napari_fcn_crf.weights.formats.tensors import (
    KERAS,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, keras_layers

_MOST_OBJECTS = 4000


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
    # Here and below: who only asks which formats there are need not load HDF5.
    import h5py

    with nullcontext(file) if file is not None else path.open("rb") as content:
        check_heaps(content)
    with h5py.File(file or path, "r") as root:
        # Soft and external links are not followed, so nothing outside the file is read.
        datasets = {
            name: dataset
            for name, dataset in datasets_of(root).items()
            if dataset.dtype.kind == "f"
        }
        for dataset in datasets.values():
            if problem := storage_problem(dataset):
                raise not_weights(path, problem)
        yield {
            name: Tensor(dataset.shape, partial(_read, dataset))
            for name, dataset in datasets.items()
        }


def datasets_of(root: Any) -> dict[str, Any]:
    """Return an opened HDF5 file's datasets by their path in it.

    Raises
    ------
    ValueError
        If there is more in it than in any VGG-16.
    """
    import h5py

    objects: dict[str, Any] = {}

    def collect(name: str, item: Any) -> bool | None:
        objects[name] = item
        return True if len(objects) > _MOST_OBJECTS else None

    if root.visititems(collect):
        raise InputError(f"more than {_MOST_OBJECTS} groups and arrays")
    return {name: item for name, item in objects.items() if isinstance(item, h5py.Dataset)}


def storage_problem(dataset: Any) -> str:
    """Return what is wrong with where a dataset's numbers are; nothing if the file has them all.

    What is compressed, or was never written, may be far larger than the file.
    """
    import h5py

    if dataset.is_virtual or dataset.external:
        return "refers to other files"
    created = dataset.id.get_create_plist()
    if created.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        return "holds compressed or chunked arrays, which Keras never writes"
    if dataset.shape is None or dataset.id.get_storage_size() != dataset.nbytes:
        return "lacks the numbers of an array"
    return ""


def _read(dataset: Any) -> npt.NDArray[np.float32]:
    return as_float32(dataset[()])


def _matches(look: FirstLook) -> bool:
    return look.head.startswith(MAGIC)


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    return keras_layers(stack.enter_context(hdf5_tensors(look.path))), KERAS


FORMAT = WeightsFormat("Keras HDF5", (".h5",), _matches, _layers, library="Keras")

"""Half precision: a model's file with its kernels as 16-bit numbers, half as large."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_fcn_crf.weights.formats.keras_zip import WEIGHTS_MEMBER

_KERNEL_AXES = 4
_LARGEST = float(np.finfo(np.float16).max)


def halve_weights(path: Path) -> None:
    """Store a `.keras` file's convolution kernels in half precision; Keras reads them all the same.

    What is not a kernel, such as biases and moving variances, is small, and may be beyond 65504,
    the largest such number: it stays as it is, as does a kernel with numbers beyond that.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    with (
        h5py.File(io.BytesIO(members[WEIGHTS_MEMBER]), "r") as source,
        h5py.File(buffer, "w") as target,
    ):
        source.visititems(lambda name, item: _copy(name, item, target))
        target.attrs.update(source.attrs)
    members[WEIGHTS_MEMBER] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _copy(name: str, item: Any, target: Any) -> None:
    if isinstance(item, h5py.Group):
        copy = target.require_group(name)
    else:
        values = item[()]
        is_kernel = values.ndim == _KERNEL_AXES and values.dtype == np.float32
        if is_kernel and np.abs(values).max(initial=0) <= _LARGEST:
            values = values.astype(np.float16)
        copy = target.create_dataset(name, data=values)
    copy.attrs.update(item.attrs)

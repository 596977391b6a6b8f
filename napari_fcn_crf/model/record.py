"""The run record: what is needed to tell how a result came about, or to repeat it."""

from __future__ import annotations

import hashlib
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_PACKAGES = ("napari-fcn-crf", "numpy", "keras", "tensorflow", "torch", "jax", "numba")
_CHUNK_BYTES = 2**20


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def array_sha256(array: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array's dtype, shape and values, as hexadecimal digits."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def file_sha256(*paths: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, or of several files' in turn, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def start_record() -> dict[str, Any]:
    """Return what is known when a run starts: time, versions and machine, as JSON values."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "platform": f"{platform.system()} {platform.machine()}",
        "byte_order": sys.byteorder,
    }

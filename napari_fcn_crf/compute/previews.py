"""Previews of a prediction during training, from the compute process to its parent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from appose import NDArray, SharedMemory

from napari_fcn_crf.compute.shared import SharedArrays, create_block
from napari_fcn_crf.progress import Cancelled, Progress


class PreviewWriter:
    """The child's end: writes arrays into two shared blocks in turn.

    Parameters
    ----------
    names : list of str
        Of the blocks, which the parent frees; two, so that one can be read while the other is
        written.
    tell : callable
        Takes name, dtype and shape of what was written.
    """

    def __init__(self, names: list[str], tell: Callable[[dict[str, Any]], None]) -> None:
        self._names = names
        self._tell = tell
        self._blocks: dict[str, SharedMemory] = {}
        self._written = 0

    def __call__(self, probabilities: npt.NDArray[np.float32]) -> None:
        """Show probabilities; nothing is shown where shared memory is short."""
        name = self._names[self._written % len(self._names)]
        if name not in self._blocks:
            try:
                self._blocks[name] = create_block(probabilities.nbytes, name)
            except MemoryError:
                return
        dtype, shape = probabilities.dtype.str, list(probabilities.shape)
        NDArray(dtype, shape, self._blocks[name]).ndarray()[...] = probabilities
        self._written += 1
        self._tell({"name": name, "dtype": dtype, "shape": shape})

    def close(self) -> None:
        """Let go of the memory; on Windows it would go at once, perhaps before it is read."""
        if sys.platform != "win32":
            for block in self._blocks.values():
                block.close()

    def free(self) -> None:
        """Free the memory if the parent can no longer do so."""
        for block in self._blocks.values():
            block.close()
            with suppress(FileNotFoundError):
                block.unlink()
        self._blocks.clear()


def read_progress(info: dict[str, Any], shared: SharedArrays) -> Progress:
    """Return what the child reports, with the preview if there is one; the parent's end."""
    values = dict(info)
    preview = values.pop("preview", None)
    if values.get("validation_iou") is not None:
        values["validation_iou"] = tuple(values["validation_iou"])
    if preview is not None:
        # It may be gone with the child, or no longer wanted.
        with suppress(FileNotFoundError, Cancelled):
            values["partial"] = shared.take(**preview)
    return Progress(**values)

"""TensorFlow checkpoints: one file (V1), or `.index` and `.data-*` (V2)."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.weights.tensors import Tensor, as_float32, not_weights

# The last eight bytes of a table file, which both versions are.
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")


def checkpoint_prefix(path: Path) -> Path:
    """Return a checkpoint's name without the endings of its parts."""
    return path.with_name(re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path.name))


@contextmanager
def checkpoint_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open a TensorFlow checkpoint's float arrays."""
    prefix = checkpoint_prefix(path)
    in_parts = prefix.with_name(prefix.name + ".index").exists()
    if in_parts and not any(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*")):
        raise not_weights(path, "is a TensorFlow checkpoint without its .data file beside it")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise not_weights(path, "is a TensorFlow checkpoint and TensorFlow is missing") from error
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        types = reader.get_variable_to_dtype_map()
        tensors = {
            name: Tensor(tuple(shape), partial(_read, reader, name))
            for name, shape in reader.get_variable_to_shape_map().items()
            if types[name].is_floating
        }
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise not_weights(path, "is a damaged or incomplete TensorFlow checkpoint") from error
    try:
        yield tensors
    except tf.errors.OpError as error:
        raise not_weights(path, "is a damaged TensorFlow checkpoint") from error


def _read(reader: Any, name: str) -> npt.NDArray[np.float32]:
    return as_float32(reader.get_tensor(name))

"""TensorFlow checkpoints: one file (V1), or `.index` and `.data-*` (V2)."""

from __future__ import annotations

import glob
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import why_no_file
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import (
    SLIM,
    Convention,
    Tensor,
    as_float32,
    not_weights,
)
from napari_fcn_crf.weights.formats.vgg_layers import Layers, named_layers

# The last eight bytes of a table file, which both versions are.
_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")


def checkpoint_prefix(path: Path) -> Path:
    """Return a checkpoint's name without the endings of its parts."""
    return path.with_name(re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path.name))


def weight_files(path: str | Path) -> list[Path]:
    """Return the files of a checkpoint, or the one file that a path is of anything else."""
    path = Path(path)
    prefix = checkpoint_prefix(path)
    if not _index(prefix).exists():
        return [path]
    return [_index(prefix), *sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*"))]


def is_in_parts(path: Path) -> bool:
    """Return whether a path is the name of a checkpoint in several files, or one of them."""
    return weight_files(path) != [path]


def _index(prefix: Path) -> Path:
    return prefix.with_name(prefix.name + ".index")


@contextmanager
def checkpoint_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Open a TensorFlow checkpoint's float arrays."""
    prefix, parts = checkpoint_prefix(path), weight_files(path)
    if parts == [_index(prefix)]:
        raise not_weights(path, "is a TensorFlow checkpoint without its .data file beside it")
    for part in parts:
        if reason := why_no_file(part):
            raise not_weights(path, f"needs {quoted(part.name, 40)}, which {reason}")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise not_weights(path, "is a TensorFlow checkpoint and TensorFlow is missing") from error
    try:
        with _plainly_named(prefix, parts) as name:
            # Not tf.train.load_checkpoint: it prefers what a folder of that name says.
            reader = tf.compat.v1.train.NewCheckpointReader(str(name))
            types = reader.get_variable_to_dtype_map()
            yield {
                name: Tensor(tuple(shape), partial(_read, reader, name))
                for name, shape in reader.get_variable_to_shape_map().items()
                if types[name].is_floating
            }
    except tf.errors.OpError as error:
        raise not_weights(path, "is a damaged or incomplete TensorFlow checkpoint") from error


@contextmanager
def _plainly_named(prefix: Path, parts: list[Path]) -> Iterator[Path]:
    """Give another name for a checkpoint whose own TensorFlow would take for a pattern."""
    if not re.search(r"[*?\[\\]", prefix.as_posix()):
        yield prefix
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "checkpoint")
        for part in parts:
            ending = part.name.removeprefix(prefix.name)
            try:
                plain.with_name(plain.name + ending).symlink_to(part.resolve())
            # Windows lets few people make links.
            except OSError as error:
                raise not_weights(
                    prefix, "has a bracket, * or ? in its path, which TensorFlow cannot open"
                ) from error
        yield plain


def _read(reader: Any, name: str) -> npt.NDArray[np.float32]:
    return as_float32(reader.get_tensor(name))


def _matches(look: FirstLook) -> bool:
    return look.tail == _TABLE_MAGIC or is_in_parts(look.path)


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    found = stack.enter_context(checkpoint_tensors(look.path))
    convolutions = named_layers(
        found, "vgg_16/{group}/{layer}/weights", "vgg_16/{group}/{layer}/biases"
    )
    others = named_layers(found, "vgg_16/{layer}/weights", "vgg_16/{layer}/biases")
    return convolutions | others, SLIM


FORMAT = WeightsFormat(
    "TF-Slim checkpoint",
    (".ckpt", ".index"),
    _matches,
    _layers,
    library="TensorFlow",
    needs_tensorflow=True,
)

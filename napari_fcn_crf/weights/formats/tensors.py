"""Tensors in a file: named, known by their shapes, and read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

Layout = Literal["channels_last", "channels_first"]

HEADER_LIMIT_BYTES = 256 * 2**10
"""Names and shapes of VGG-16's arrays take 2 to 10 kB; ten checkpoints' together take less."""

MOST_AXES = 8
LARGEST_SIZE = 2**40


@dataclass(frozen=True)
class Tensor:
    """One array of a file.

    Parameters
    ----------
    shape : tuple of int
    read : callable
        Returns the array; only called when the shape is one that is expected.

    Raises
    ------
    ValueError
        If no array has such a shape.
    """

    shape: tuple[int, ...]
    read: Callable[[], npt.NDArray[Any]]

    def __post_init__(self) -> None:
        if len(self.shape) > MOST_AXES:
            raise InputError(f"{len(self.shape)} axes")
        if not all(0 <= size <= LARGEST_SIZE for size in self.shape):
            raise InputError("a size that no array has")


Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Convention:
    """What the numbers of a published VGG-16 expect of the image.

    Parameters
    ----------
    order : {"RGB", "BGR"}
        Channel order of conv1_1's kernel.
    means : tuple of float
        Red, green and blue, subtracted from the image on the 0-255 scale.
    deviations : tuple of float, optional
        Red, green and blue, on the 0-255 scale, that the differences are divided by.
    layout : {"channels_last", "channels_first"}
        Kernels as (rows, columns, in, out) with dense layers (in, out), or as (out, in, rows,
        columns) with dense layers (out, in).
    """

    order: Literal["RGB", "BGR"]
    means: tuple[float, float, float]
    deviations: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Layout = "channels_last"


KERAS = Convention("BGR", (123.68, 116.779, 103.939))
SLIM = Convention("RGB", (123.68, 116.78, 103.94))
TORCH = Convention(
    "RGB",
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (0.229 * 255, 0.224 * 255, 0.225 * 255),
    "channels_first",
)
FROSSARD = Convention("RGB", (123.68, 116.779, 103.939))


class WeightsError(InputError):
    """A file is not one that VGG-16's weights can be read from."""


def not_weights(path: Path, found: str) -> WeightsError:
    """Return the error for such a file, with what was found in it."""
    # The formats raise this error themselves.
    from napari_fcn_crf.weights.formats.table import published_kinds

    return WeightsError(
        f"Expected a file with VGG-16's weights, but {quoted(path.name, 40)} {quoted(found, 95)}. "
        f"Choose a VGG-16 published for {published_kinds()}."
    )


def as_float32(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return an array of numbers as float32."""
    return np.asarray(array, np.float32)


def bfloat16_to_float32(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Return the numbers whose upper sixteen bits are given."""
    return (bits.astype(np.uint32) << 16).view(np.float32)

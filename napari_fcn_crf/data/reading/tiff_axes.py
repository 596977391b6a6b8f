"""The axes of a TIFF file's image, in tifffile's letters and in ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_UNKNOWN = "QI"
"""What tifffile calls axes that the file has no name for, and pages one after the other."""

_PLANES = "ztabdefghijklmnopqrsuvw"


def with_one_channel_axis(array: npt.NDArray[Any], axes: str) -> tuple[npt.NDArray[Any], str]:
    """Return an image whose channels and samples, C and S, are one axis, where S was."""
    if not {"C", "S"} <= set(axes):
        return array, axes
    channel, sample = axes.index("C"), axes.index("S")
    array = np.moveaxis(array, channel, sample if sample < channel else sample - 1)
    axes = axes.replace("C", "")
    sample = axes.index("S")
    shape = (*array.shape[:sample], -1, *array.shape[sample + 2 :])
    return array.reshape(shape), axes


def our_letters(axes: str) -> tuple[str, bool]:
    """Return tifffile's axes in our letters, and whether the file names no planes.

    Unnamed ones are planes, then frames, from the last to the first.
    """
    named = [{"S": "c"}.get(axis, axis.lower()) for axis in axes if axis not in _UNKNOWN]
    free = [letter for letter in _PLANES if letter not in named]
    letters = ""
    for axis in reversed(axes):
        letters = (
            free.pop(0) if axis in _UNKNOWN else {"S": "c"}.get(axis, axis.lower())
        ) + letters
    has_channels = "c" in letters
    return letters, len(named) < len(axes) and not has_channels

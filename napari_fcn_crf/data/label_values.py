"""From classes to the user's own label values, in an integer type that other programs read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError

_UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)
_SIGNED = (np.int8, np.int16, np.int32, np.int64)


def as_label_values(class_values: Iterable[int]) -> npt.NDArray[np.integer]:
    """Return label values in the smallest type that holds them, signed only for negative ones.

    napari and TIFF take every such type; ImageJ reads label images of up to 16 bits as they are,
    those of 32 bits as floats, and none of 64.

    Raises
    ------
    ValueError
        If no type holds both the lowest and the highest.
    """
    values = [int(value) for value in class_values]
    low, high = min(values), max(values)
    for kind in _UNSIGNED if low >= 0 else _SIGNED:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return np.array(values, kind)
    raise InputError(
        f"Label values must fit into one type of whole numbers, but they go from {low} to {high}. "
        "Give the classes other numbers."
    )

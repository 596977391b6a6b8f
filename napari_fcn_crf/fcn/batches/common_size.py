"""Common size for all images of a training, for networks that can only be traced for one."""

from __future__ import annotations

import numpy as np

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX


def to_common_size(examples: list[Example], *, square: bool) -> list[Example]:
    """Return examples enlarged to the size of the largest, by reflection that does not count.

    Parameters
    ----------
    examples : list of Example
    square : bool
        Make them square, so that quarter turns leave them at one size.
    """
    shapes = [example.indices.shape for example in examples]
    rows, columns = (-(-max(sides) // STRIDE_PX) * STRIDE_PX for sides in zip(*shapes, strict=True))
    if square:
        rows = columns = max(rows, columns)
    padded = {tuple(-(-side // STRIDE_PX) * STRIDE_PX for side in shape) for shape in shapes}
    if padded == {(rows, columns)}:
        return examples
    return [_enlarge(example, rows, columns) for example in examples]


def _enlarge(example: Example, rows: int, columns: int) -> Example:
    missing = rows - example.indices.shape[0], columns - example.indices.shape[1]
    margins = [(count // 2, count - count // 2) for count in missing]
    held_out = example.held_out
    return Example(
        np.pad(example.image, [*margins, (0, 0)], mode="reflect"),
        np.pad(example.indices, margins, constant_values=IGNORE),
        None if held_out is None else np.pad(held_out, margins, constant_values=IGNORE),
    )

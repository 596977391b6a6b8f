"""Examples that training learns from: annotated planes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.fcn.layers.plane import Plane


@dataclass(frozen=True)
class Example:
    """One annotated plane.

    Parameters
    ----------
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        On the 0-255 scale.
    indices : array of int32, shape `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    held_out : array of int32, shape `(rows, columns)`, optional
        The same, of pixels that nothing is learnt from.
    patch_rows : int
        Rows of each of the patches that the plane is a pile of; 0 where it is a plane.
    """

    image: Plane
    indices: npt.NDArray[np.int32]
    held_out: npt.NDArray[np.int32] | None = None
    patch_rows: int = 0


def views(example: Example) -> Iterator[Example]:
    """Iterate over an example's eight flips and quarter turns, as it is first.

    What is held out stays with the first alone.
    """
    for turned_over in (False, True):
        for quarter_turns in range(4):
            if not (turned_over or quarter_turns):
                yield example
                continue
            image, indices = example.image, example.indices
            turned: Plane
            if isinstance(image, MappedImage):
                turned = image.turned(quarter_turns, over=turned_over)
            else:
                array = np.asarray(image)
                turned = np.rot90(array[::-1] if turned_over else array, quarter_turns)
            yield Example(
                turned, np.rot90(indices[::-1] if turned_over else indices, quarter_turns)
            )

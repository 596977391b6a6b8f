"""What is exported: labels, objects or probabilities, with all that other programs ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError

Meaning = Literal["classes", "objects", "probabilities"]
"""What the numbers of a result are."""

_MICROMETERS = 1e6


@dataclass(frozen=True, eq=False)
class Result:
    """A result, and all that other programs ask for.

    Parameters
    ----------
    picture : Picture
        Labels, or probabilities `(n_classes, *spatial)` of the axes "c" and the spatial ones, with
        the place and the size of the pixels.
    classes : LabelClasses
        Of labels, what they stand for; of probabilities, one for each; of objects, the class that
        they all are of, if it is known.
    meaning : {"classes", "objects", "probabilities"}
        Whether labels are the classes' or number objects.
    image : Picture, optional
        What it is a result of, whose intensities are measured.

    Raises
    ------
    ValueError
        If the picture is not of such numbers.
    """

    picture: Picture
    classes: LabelClasses
    meaning: Meaning = "classes"
    image: Picture | None = None

    def __post_init__(self) -> None:
        kind = self.picture.array.dtype.kind
        if self.meaning == "probabilities":
            expected, is_right = "one plane a class", kind == "f"
            is_right &= self.picture.axes == f"c{self.picture.spatial_axes}"
            is_right &= len(self.classes.values) == self.picture.array.shape[0]
        else:
            expected = "one whole number a pixel"
            is_right = kind in "iub" and not self.picture.has_channel_axis
        if not is_right:
            raise InputError(
                f"Expected {self.meaning}, {expected}, but the array is of {kind!r} and has the "
                f"shape {tuple(self.picture.array.shape)} with {len(self.classes.values)} "
                "classes. Choose what Predict or Refine made."
            )
        if self.image is not None and self.image.spatial_shape != self.picture.spatial_shape:
            raise InputError(
                f"The image must have the shape of the result, {self.picture.spatial_shape}, but "
                f"its is {self.image.spatial_shape}. Choose the image that it was made of."
            )

    def labels(self) -> Result:
        """Return labels as they are, in the smallest type, or those of the most probable classes.

        Raises
        ------
        ValueError
            If no type that other programs read holds them.
        """
        array = np.asarray(self.picture.array)
        if self.meaning == "probabilities":
            array = as_label_values(self.classes.values)[array.argmax(axis=0)]
            picture = replace(self.picture, array=array, axes=self.picture.spatial_axes)
            return replace(self, picture=picture, meaning="classes")
        array = smallest(array)
        return replace(self, picture=replace(self.picture, array=array))

    @property
    def is_measured(self) -> bool:
        """Whether the size of its pixels is known as a length."""
        return all(unit == "meter" for axis, (_, unit) in self.sizes().items() if axis in "zyx")

    def sizes(self) -> dict[str, tuple[float, str]]:
        """Return the size of a pixel along each axis, in metres, seconds or what is not known."""
        place = self.picture.place
        return {
            axis: (size, unit)
            for axis, size, unit in zip(
                self.picture.spatial_axes, place.spacing, place.units, strict=True
            )
        }

    def spacing_um(self, axes: str) -> tuple[float, ...]:
        """Return the sizes along some axes in micrometres."""
        sizes = self.sizes()
        return tuple(_MICROMETERS * sizes[axis][0] for axis in axes)


def smallest(labels: npt.NDArray[Any]) -> npt.NDArray[np.integer]:
    """Return labels in the smallest type that holds them, unsigned if none is negative.

    Raises
    ------
    ValueError
        If they need 64 bits, which neither ImageJ nor OME has.
    """
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    kind = as_label_values((low, high)).dtype
    if kind.itemsize > 4:
        raise InputError(
            f"Labels of other programs have 32 bits at most, but here they go from {low} to "
            f"{high}. Give them other numbers."
        )
    return labels.astype(kind, copy=False)

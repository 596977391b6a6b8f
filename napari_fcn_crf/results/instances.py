"""Telling the objects of one class apart where they touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.input_error import InputError

Labels = npt.NDArray[np.integer]

WAIST = 0.96
"""Two objects are told apart where it is narrower between them than this part of the smaller."""

TYPICAL_FRACTION = 0.2
"""What is smaller than this part of the typical object is none, unless a size is given."""

_LEAST_PX = 30
_SURE = (0.75, 0.95)
"""Probabilities at which the class is narrower; the labels themselves are where it is likely."""

_SMOOTHING_PX = 1.0

AROUND_PX = {2: 64, 3: 16}
"""How far around the objects are that one is compared with, by the number of axes."""


def split_instances(
    labels: Labels,
    value: int,
    minimum_px: int | None = None,
    border: int | None = None,
    inside: npt.NDArray[np.floating] | None = None,
) -> Labels:
    """Number the objects of one class, cutting those that touch at their waists.

    Parameters
    ----------
    labels : array of int, 2-D or 3-D
    value : int
        The class whose objects are told apart.
    minimum_px : int, optional
        Smaller ones join what they touch, and go where they touch nothing. By default
        `TYPICAL_FRACTION` of the typical object, in which half of all their pixels are or in a
        smaller one, and 30 at least.
    border : int, optional
        The class of the objects' borders, if there is one; they are the objects' own.
    inside : array of float, shape of `labels`, optional
        How probable it is that a pixel is of an object or its border. Where they touch it is less,
        though that may not show in the labels.

    Returns
    -------
    array of int32, shape of `labels`
        0 elsewhere, 1 to n on the objects.

    Raises
    ------
    ValueError
        If no pixel has that label, the size is below 1, or the probabilities have another shape.

    Notes
    -----
    The distance to the outside is averaged over the objects, the objects without their borders,
    where these are a class, and the pixels that are surely of an object. With borders it counts up
    to that of the largest object inside its borders nearby. Objects begin at those
    maxima of its logarithm that rise by more than `-log(WAIST)` above the pass to a higher one, so
    that neither size nor resolution matters, and grow by a watershed.

    References
    ----------
    Meyer, "Topographic distance and watershed lines", Signal Processing 38, 1994,
    https://doi.org/10.1016/0165-1684(94)90060-4; Soille, "Morphological image analysis", 2003,
    section 6.3.4 (h-maxima), https://doi.org/10.1007/978-3-662-05088-0
    """
    check_minimum(minimum_px)
    labels = as_label_array(labels)
    if not (labels == value).any():
        _refuse(labels, value)
    return Grown.of(labels, value, border, inside).at_least(minimum_px)


@dataclass(frozen=True)
class Grown:
    """Objects of any size, as they have grown from their seeds.

    Parameters
    ----------
    depth : array of float
    seeds, instances : array of int, shape of `depth`
        Of the same numbers; 0 elsewhere.
    """

    depth: npt.NDArray[np.float64]
    seeds: Labels
    instances: Labels

    @classmethod
    def of(
        cls,
        labels: Labels,
        value: int,
        border: int | None = None,
        inside: npt.NDArray[np.floating] | None = None,
    ) -> Grown:
        """Return the objects of a class, as `split_instances` takes it."""
        from skimage.segmentation import watershed

        mask = labels == value
        whole = mask if border is None else mask | (labels == border)
        levels = [whole] if border is None else [whole, mask]
        if inside is not None:
            if inside.shape != labels.shape:
                raise InputError(
                    f"Labels and probabilities must have the same shape, but they are "
                    f"{labels.shape} and {inside.shape}. Give those that the labels were made of."
                )
            levels += [whole & (inside > sure) for sure in _SURE]
        depth = _depth(levels, None if border is None else mask)
        seeds = _seeds(depth, whole)
        return cls(depth, seeds, watershed(-depth, seeds, mask=whole))

    @property
    def sizes(self) -> npt.NDArray[np.intp]:
        """Pixels of each, in the order of their numbers."""
        found: npt.NDArray[np.intp] = np.bincount(
            self.instances.ravel(), minlength=int(self.seeds.max()) + 1
        )[1:]
        return found

    def at_least(self, minimum_px: int | None) -> Labels:
        """Return those that are large enough, grown over the others that they touch."""
        from skimage.segmentation import watershed

        is_object = np.append(False, self.sizes >= smallest(self.sizes, minimum_px))
        numbers = np.where(is_object, np.cumsum(is_object), 0).astype(np.int32)
        if not is_object.any():
            return np.zeros(self.depth.shape, np.int32)
        found: Labels = watershed(-self.depth, numbers[self.seeds], mask=self.instances > 0).astype(
            np.int32
        )
        return found


def check_minimum(minimum_px: int | None) -> None:
    """Refuse a size that no object has."""
    if minimum_px is not None and minimum_px < 1:
        raise InputError(f"The smallest object must have at least 1 pixel, not {minimum_px}.")


def _depth(
    levels: list[npt.NDArray[np.bool_]], inner: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.float64]:
    """Return the logarithm of the mean distance to the borders of some masks.

    Where objects touch on all sides, the outside is far: distances count up to the largest of any
    object inside its borders around.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter

    def distance(level: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        # Beyond the image is no object.
        found: npt.NDArray[np.float64] = distance_transform_edt(np.pad(level, 1))
        return found[(slice(1, -1),) * level.ndim]

    total = np.zeros(levels[0].shape, np.float64)
    farthest: npt.NDArray[np.float64] | float = np.inf
    if inner is not None:
        farthest = maximum_filter(distance(inner), 2 * AROUND_PX.get(inner.ndim, 16) + 1)
    for level in levels:
        total += np.minimum(distance(level), farthest)
    smooth = gaussian_filter(total / len(levels), _SMOOTHING_PX)
    lowest = 1e-3
    depth: npt.NDArray[np.float64] = np.log(np.where(levels[0], smooth, 0).clip(lowest))
    return depth


def _seeds(depth: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return where objects begin, at least once in each piece of the mask."""
    from skimage.measure import label
    from skimage.morphology import h_maxima

    seeds: npt.NDArray[np.intp] = np.where(mask, label(h_maxima(depth, -np.log(WAIST))), 0)
    return seeds


def smallest(sizes: npt.NDArray[np.intp], minimum_px: int | None) -> float:
    """Return the size of the smallest object, of those of all that have grown."""
    if minimum_px is not None:
        return minimum_px
    ascending = np.sort(sizes[sizes >= _LEAST_PX])
    if not ascending.size:
        return _LEAST_PX
    typical = ascending[np.searchsorted(np.cumsum(ascending), ascending.sum() / 2)]
    return max(_LEAST_PX, TYPICAL_FRACTION * float(typical))


def _refuse(labels: Labels, value: int) -> NoReturn:
    values = np.unique(labels)
    found = ", ".join(map(str, values[:10]))
    more = f" and {len(values) - 10} more" if len(values) > 10 else ""
    raise InputError(
        f"No pixel has the label {value}; found are {found}{more}. Choose one of these."
    )

"""Tidying a label image: specks and holes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.input_error import InputError

Labels = npt.NDArray[np.integer]


def remove_small_regions(labels: Labels, minimum_px: int) -> Labels:
    """Give connected regions below a size the label of the nearest larger region.

    Specks vanish and holes are filled alike: both are small regions among another label.

    Parameters
    ----------
    labels : array of int, any shape
        0 is a label like any other. Stacks are tidied as volumes.
    minimum_px : int
        Regions with fewer pixels are absorbed.

    Returns
    -------
    array, dtype and shape of `labels`
        Unchanged where every region is too small, for then there is nothing to grow.

    Raises
    ------
    ValueError
        If `minimum_px` is below 1, or a label not above -2^63 and below 2^63.
    """
    from skimage.measure import label
    from skimage.segmentation import expand_labels

    if minimum_px < 1:
        raise ValueError(f"The smallest region must have at least 1 pixel, not {minimum_px}.")
    labels = as_label_array(labels)
    regions = label(labels, background=_unused_value(labels), connectivity=1)
    sizes = np.bincount(regions.ravel())
    kept = sizes >= minimum_px
    kept[0] = False
    if not kept.any():
        return labels.copy()
    seeds = np.where(kept[regions], regions, 0)
    nearest = expand_labels(seeds, distance=float(sum(labels.shape)))
    # Any pixel of a region tells its label.
    first = np.zeros(len(sizes), labels.dtype)
    first[regions.ravel()] = labels.ravel()
    cleaned: Labels = first[nearest]
    return cleaned


def _unused_value(labels: Labels) -> int:
    lowest = int(labels.min())
    if lowest == -(2**63):
        raise InputError(
            f"Labels must be above -2^63, but {lowest} was found. Give them other numbers."
        )
    return lowest - 1

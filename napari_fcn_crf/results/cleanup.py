"""Tidying a label image: specks, holes, and touching objects of one class."""

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


def split_instances(
    labels: Labels, value: int, minimum_distance_px: int = 5, border: int | None = None
) -> Labels:
    """Number the objects of one class, cutting those that touch at their waists.

    Parameters
    ----------
    labels : array of int, 2-D or 3-D
    value : int
        The class whose objects are told apart.
    minimum_distance_px : int
        Least distance between the centres of two objects.
    border : int, optional
        The class of the objects' borders, if there is one; each goes to the object inside it.

    Returns
    -------
    array of int32, shape of `labels`
        0 elsewhere, 1 to n on the objects.

    Raises
    ------
    ValueError
        If no pixel has that label.

    Notes
    -----
    A watershed of the distance to the class's border, from the maxima of that distance.

    References
    ----------
    Meyer, "Topographic distance and watershed lines", Signal Processing 38, 1994,
    https://doi.org/10.1016/0165-1684(94)90060-4
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.feature import peak_local_max
    from skimage.measure import label
    from skimage.segmentation import watershed

    mask = labels == value
    if not mask.any():
        values = np.unique(labels)
        found = ", ".join(map(str, values[:10]))
        more = f" and {len(values) - 10} more" if len(values) > 10 else ""
        raise ValueError(
            f"No pixel has the label {value}; found are {found}{more}. Choose one of these."
        )
    distance = distance_transform_edt(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim]
    regions = label(mask, connectivity=1)
    centres = peak_local_max(
        distance, min_distance=minimum_distance_px, labels=regions, exclude_border=False
    )
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(centres.T)] = np.arange(1, len(centres) + 1)
    instances: Labels = watershed(-distance, seeds, mask=mask).astype(np.int32)
    if border is not None:
        whole = mask | (labels == border)
        instances = watershed(np.zeros(mask.shape, np.uint8), instances, mask=whole)
        # Objects so thin that they have nothing inside.
        rest = label(whole & (instances == 0), connectivity=1)
        instances = np.where(rest > 0, rest + instances.max(), instances).astype(np.int32)
    return instances


def _unused_value(labels: Labels) -> int:
    lowest = int(labels.min())
    if lowest == -(2**63):
        raise InputError(
            f"Labels must be above -2^63, but {lowest} was found. Give them other numbers."
        )
    return lowest - 1

"""Probabilities for the CRF from whatever another tool has left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.input_error import InputError

Zero = Literal["unknown", "background"]
_WHOLE = (np.uint8, np.uint16)
Probabilities = npt.NDArray[np.float32]


def from_labels(
    labels: npt.ArrayLike, confidence: float, zero: Zero
) -> tuple[Probabilities, tuple[int, ...]]:
    """Return probabilities that trust a label image to some degree.

    Parameters
    ----------
    labels : array of int, shape `spatial`
    confidence : float
        Probability of a pixel's own label, above chance and below 1.
    zero : {"unknown", "background"}
        Whether pixels labelled 0 know nothing, or carry a class of their own.

    Returns
    -------
    probabilities : array of float32, shape `(n_classes, *spatial)`
    class_values : tuple of int
        Label value of each class, ascending.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or the confidence is not above chance and below 1.

    References
    ----------
    Krähenbühl and Koltun, NIPS 2011, section 5.1 trusts user annotation the same way.
    """
    array = as_label_array(labels)
    values = [int(value) for value in np.unique(array) if value != 0 or zero == "background"]
    if len(values) < 2:
        raise InputError(
            f"Refining labels needs at least two classes, but found {values or 'none'}. Paint a "
            "second one, or let 0 mean background."
        )
    chance = 1 / len(values)
    if not chance < confidence < 1:
        raise InputError(
            f"The confidence must lie between chance ({chance:.2g}) and 1, but is {confidence:.2g}."
        )
    other = (1 - confidence) / (len(values) - 1)
    probabilities = np.full((len(values), *array.shape), other, np.float32)
    for index, value in enumerate(values):
        probabilities[index][array == value] = confidence
    if zero == "unknown":
        probabilities[:, array == 0] = chance
    return probabilities, tuple(values)


def as_fractions(probabilities: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """Return probabilities that another tool has exported as whole numbers as fractions of 1.

    Parameters
    ----------
    probabilities : array, shape `(n_classes, *spatial)`
        Those of 8 or 16 bits without a sign go to 255 or 65535, unless none is above 1.

    Returns
    -------
    probabilities : array, shape `(n_classes, *spatial)`
        Other types as they are. Where a sum is not 1 for rounding alone, it is made so.
    note : str
        A sentence on what was done; empty if nothing was.
    """
    if probabilities.dtype not in _WHOLE or not probabilities.size or probabilities.max() <= 1:
        return probabilities, ""
    highest = int(np.iinfo(probabilities.dtype).max)
    fractions = probabilities.astype(np.float32) / np.float32(highest)
    total = fractions.sum(axis=0)
    # Each class is off by half a step at most.
    if len(fractions) > 1 and (abs(total - 1) <= len(fractions) / highest).all():
        fractions /= total
    return fractions, (
        f"The probabilities are whole numbers of type {probabilities.dtype}; they were divided by "
        f"{highest}."
    )


def class_axis_first(array: npt.NDArray[Any], spatial_shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return probabilities with their class axis in front, wherever it is.

    They are float32, or still the whole numbers that `as_fractions` takes.

    Parameters
    ----------
    array : array
        The image's shape with one more axis, in any position.
    spatial_shape : tuple of int
        The image's.

    Raises
    ------
    ValueError
        If no axis can be left out to give the image's shape.
    """
    for axis in range(array.ndim):
        if array.shape[:axis] + array.shape[axis + 1 :] == spatial_shape:
            first = np.moveaxis(array, axis, 0)
            if first.dtype in _WHOLE:
                return first
            with np.errstate(over="ignore"):  # to infinity, which is refused
                return first.astype(np.float32)
    raise InputError(
        f"Expected probabilities of the image's shape {spatial_shape} and one axis more, the "
        f"classes, but their shape is {array.shape}. Choose the layer that was predicted from this "
        "image."
    )


def from_single_classes(arrays: Sequence[npt.NDArray[np.floating]]) -> Probabilities:
    """Return probabilities from one array a class, scaled to sum to one.

    Parameters
    ----------
    arrays : sequence of arrays, each of shape `spatial`
        In [0, 1]. A single one is the foreground's; the background's is what it leaves.

    Raises
    ------
    ValueError
        If they differ in shape or leave [0, 1].
    """
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise InputError(
            f"One probability layer a class needs layers of one shape, but found {sorted(shapes)}."
        )
    low, high = min(array.min() for array in arrays), max(array.max() for array in arrays)
    if low < 0 or high > 1:
        raise InputError(
            f"Probabilities must lie between 0 and 1, but these go from {low:.3g} to {high:.3g}. "
            "Rescale them first."
        )
    stacked = np.stack([np.asarray(array, np.float32) for array in arrays])
    if len(stacked) == 1:
        return np.concatenate([1 - stacked, stacked])
    total = stacked.sum(axis=0)
    uniform = np.float32(1 / len(stacked))
    scaled: Probabilities = np.where(total > 0, stacked / np.where(total > 0, total, 1), uniform)
    return scaled

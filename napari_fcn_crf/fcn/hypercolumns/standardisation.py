"""Standardisation of features: BatchNormalization with the constant statistics of some images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list

Floats = npt.NDArray[np.float32]
Masks = list[npt.NDArray[np.bool_]]
Report = Callable[[int, int], None]

FLOOR = 0.01
"""Share of their mean added to all: a feature that hardly ever responds must not be the loudest."""

_ROWS_AT_ONCE = 1 << 16


class Moments:
    """Mean and variance of each channel, added up some rows at a time.

    Parameters
    ----------
    width : int
        Number of channels.
    """

    def __init__(self, width: int) -> None:
        self._sums, self._squares, self._count = np.zeros(width), np.zeros(width), 0

    def add(self, values: Floats) -> None:
        """Add an array `(..., channels)`."""
        flat = values.reshape(-1, values.shape[-1])
        for start in range(0, len(flat), _ROWS_AT_ONCE):
            part = flat[start : start + _ROWS_AT_ONCE].astype(np.float64)
            self._sums += part.sum(axis=0)
            self._squares += np.square(part, out=part).sum(axis=0)
        self._count += len(flat)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Of each channel."""
        return self._sums / self._count

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        """Of each channel."""
        return np.maximum(self._squares / self._count - self.mean**2, 0)


def activations_of(
    network: Any, tensors: list[Any], all_patches: list[Patches], report: Report
) -> Iterator[tuple[Patches, int, list[Floats]]]:
    """Iterate over all patches' values of some of a network's tensors.

    Yields
    ------
    patches : Patches
    patch : int
        Which of these it is.
    values : list of array of float32, each `(rows, columns, channels)`
    """
    extractor = keras.Model(network.input, tensors)
    extractor.jit_compile = False
    done, total = 0, sum(map(len, all_patches))
    for patches in all_patches:
        for patch in range(len(patches)):
            report(done, total)
            found = extractor.predict_on_batch(patches.pixels(patch)[np.newaxis])
            yield (
                patches,
                patch,
                [keras.ops.convert_to_numpy(values)[0] for values in as_list(found)],
            )
            done += 1


def standardise(layer: Any, moments: Moments, features: Floats) -> Floats:
    """Set a normalisation's statistics, and return features as they are behind it.

    Parameters
    ----------
    layer : keras.layers.BatchNormalization
    moments : Moments
    features : array of float32, shape `(n_pixels, channels)`
        As they go into the layer.
    """
    mean, variance = moments.mean, moments.variance
    variance = variance + FLOOR * variance.mean() + 1e-6
    set_statistics(layer, mean, variance)
    deviation = np.sqrt(variance + layer.epsilon)
    standard: Floats = (features - mean.astype(np.float32)) / deviation.astype(np.float32)
    gain: Floats = keras.ops.convert_to_numpy(layer.gamma)
    return standard * gain


def set_statistics(
    layer: Any, mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]
) -> None:
    """Set the mean and the variance that a normalisation takes away and divides by."""
    layer.moving_mean.assign(mean.astype(np.float32))
    layer.moving_variance.assign(variance.astype(np.float32))

"""Standardisation of features: BatchNormalization with the constant statistics of some images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.observer import observer_of, prepare_for_any_size
from napari_fcn_crf.fcn.linear.moments import Moments

Floats = npt.NDArray[np.float32]
Masks = list[npt.NDArray[np.bool_]]
Report = Callable[[int, int], None]


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
    observer = observer_of(network, tensors)
    done, total = 0, sum(map(len, all_patches))
    for patches in all_patches:
        for patch in range(len(patches)):
            report(done, total)
            pixels = patches.pixels(patch)
            prepare_for_any_size(observer)
            found = observer.predict_on_batch(pixels[np.newaxis])
            yield (
                patches,
                patch,
                [keras.ops.convert_to_numpy(values)[0] for values in as_list(found)],
            )
            done += 1


def with_spots(
    network: Any, tensors: list[Any], all_patches: list[Patches], report: Report
) -> Iterator[tuple[Patches, int, list[Floats]]]:
    """Iterate as `activations_of` does, and then over the spots of planes that are not whole."""
    yield from activations_of(network, tensors, all_patches, report)
    spots = [patches.spots for patches in all_patches if not patches.is_typical]
    if spots:
        yield from activations_of(network, tensors, spots, report)


def on_grid(part: tuple[slice, slice], stride: int) -> tuple[slice, slice]:
    """Return a part of a plane, whole cells of a coarse grid, as a part of the grid."""
    rows, columns = (slice(along.start // stride, along.stop // stride) for along in part)
    return rows, columns


def standardise(layer: Any, moments: Moments, features: Floats) -> Floats:
    """Set a normalisation's statistics, and return features as they are behind it.

    Parameters
    ----------
    layer : keras.layers.BatchNormalization
    moments : Moments
    features : array of float32, shape `(n_pixels, channels)`
        As they go into the layer.
    """
    set_statistics(layer, moments.mean, moments.floored_variance)
    gain: Floats = keras.ops.convert_to_numpy(layer.gamma)
    return moments.standard(gain, layer.epsilon).apply(features)


def set_statistics(
    layer: Any, mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]
) -> None:
    """Set the mean and the variance that a normalisation takes away and divides by."""
    layer.moving_mean.assign(mean.astype(np.float32))
    layer.moving_variance.assign(variance.astype(np.float32))

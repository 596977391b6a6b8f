"""Starting weights from data: each layer's kernels are the typical patches of its input."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

_PATCHES = 12000
_ROUNDS = 8


def initialise_from_images(
    network: Any, image: npt.NDArray[np.float32], names: list[str], seed: int
) -> None:
    """Set the 3x3 convolutions of a backbone, one after the other.

    Parameters
    ----------
    network : keras.Model
        With an input "image".
    image : array of float32, shape `(batch, rows, columns, 3)`
    names : list of str
        The convolutions, first to last.
    seed : int

    Notes
    -----
    Patches of a layer's input are whitened and clustered on the sphere; a cluster's centre becomes
    a kernel, scaled so that its output has mean 0 and deviation 1 before it is rectified.

    References
    ----------
    Krähenbühl, Doersch, Donahue and Darrell, "Data-dependent initializations of convolutional
    neural networks", ICLR 2016, https://doi.org/10.48550/arXiv.1511.06856
    Coates and Ng, "Learning feature representations with k-means", 2012,
    https://doi.org/10.1007/978-3-642-35289-8_30
    """
    rng = np.random.default_rng(seed)
    entry = network.get_layer("image").output
    for name in names:
        layer = network.get_layer(name)
        features = keras.Model(entry, layer.input).predict(image, batch_size=8, verbose=0)
        patches = sample_patches(rng, np.asarray(features), _PATCHES)
        kernel = typical_patches(rng, patches, layer.filters)
        response = patches @ kernel
        spread = response.std(axis=0) + 1e-6
        kernel = kernel / spread
        layer.kernel.assign(kernel.reshape(layer.kernel.shape))
        layer.bias.assign(-response.mean(axis=0) / spread)


def sample_patches(
    rng: np.random.Generator, features: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.float32]:
    """Return random 3x3 patches, shape `(count, 9 * channels)`."""
    images, rows, columns, channels = features.shape
    image = rng.integers(0, images, count)
    row, column = rng.integers(0, rows - 2, count), rng.integers(0, columns - 2, count)
    patches = np.empty((count, 3, 3, channels), np.float32)
    for down in range(3):
        for right in range(3):
            patches[:, down, right] = features[image, row + down, column + right]
    return patches.reshape(count, -1)


def typical_patches(
    rng: np.random.Generator, patches: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.float32]:
    """Return kernels `(9 * channels, count)`: spherical k-means of whitened patches."""
    centred = patches - patches.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    whiten = vectors / np.sqrt(np.maximum(values, 0) + 0.05 * values.mean())
    white = centred @ whiten
    white /= np.linalg.norm(white, axis=1, keepdims=True) + 1e-6
    centres = white[rng.choice(len(white), count, replace=False)]
    for _ in range(_ROUNDS):
        nearest = np.argmax(white @ centres.T, axis=1)
        for index in range(count):
            members = white[nearest == index]
            if len(members):
                centres[index] = members.mean(axis=0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True) + 1e-6
    return np.asarray(whiten @ centres.T, np.float32)

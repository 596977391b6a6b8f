"""Images and probabilities that the CRF's tests share, and pydensecrf called its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage, sparse
from skimage import data

from napari_fcn_crf.crf._kernels.vertices import NOBODY
from napari_fcn_crf.crf.dense_crf import KINDS, DenseCRF
from napari_fcn_crf.crf.lattice import PermutohedralLattice
from napari_fcn_crf.settings import CRFSettings

Floats = npt.NDArray[np.float32]


def photograph(rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Return a piece of scikit-image's cat, with its eyes in it."""
    return np.ascontiguousarray(data.chelsea()[80 : 80 + rows, 100 : 100 + columns])


def noise(rows: int, columns: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return RGB noise: no two pixels alike, the lattice's worst case."""
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def smooth(*shape: int) -> npt.NDArray[np.uint8]:
    """Return an RGB image or volume of blurred noise, in which neighbours are alike."""
    values = np.random.default_rng(0).normal(size=(*shape, 3))
    values = ndimage.gaussian_filter(values, (2,) * len(shape) + (0,))
    return np.uint8(255 * (values - values.min()) / np.ptp(values))


def probabilities(classes: int, shape: tuple[int, ...], seed: int = 0) -> Floats:
    """Return probabilities (classes, *shape) without any structure, summing to one."""
    values = np.random.default_rng(seed).random((classes, *shape), np.float32) ** 3 + 1e-3
    return np.asarray(values / values.sum(axis=0), np.float32)


def by_pydensecrf(image: npt.NDArray[Any], given: Floats, settings: CRFSettings) -> Floats:
    """Return pydensecrf's marginals, with its own functions for features (row, column first).

    A test that asks for them is skipped where it is not installed.
    """
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    utils = pytest.importorskip("pydensecrf.utils")
    shape = given.shape[1:]
    crf = densecrf.DenseCRF(given[0].size, len(given))
    crf.setUnaryEnergy(utils.unary_from_softmax(given))
    gaussian = utils.create_pairwise_gaussian((settings.gaussian_sigma_px,) * len(shape), shape)
    crf.addPairwiseEnergy(gaussian, settings.gaussian_weight)
    bilateral = utils.create_pairwise_bilateral(
        (settings.bilateral_sigma_px,) * len(shape),
        (settings.bilateral_sigma_intensity,) * image.shape[-1],
        image,
        chdim=len(shape),
    )
    crf.addPairwiseEnergy(bilateral, settings.bilateral_weight)
    return np.array(crf.inference(settings.iterations), np.float32).reshape(given.shape)


def by_summation(
    image: npt.NDArray[Any],
    given: Floats,
    settings: CRFSettings,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> Floats:
    """Return marginals with every pair of pixels summed in float64: no lattice at all."""
    shape = given.shape[1:]
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, len(shape))
    # In units of columns; the sigma along z is as many times larger as the ratio says.
    sizes = np.divide(spacing[-len(shape) :], spacing[-1])
    grid = grid * sizes / ((settings.depth_ratio, 1, 1) if len(shape) == 3 else 1)
    pixels = image.reshape(-1, image.shape[-1]).astype(np.float64)
    kernels = []
    for weight, features in (
        (settings.gaussian_weight, grid / settings.gaussian_sigma_px),
        (
            settings.bilateral_weight,
            np.concatenate(
                [
                    grid / settings.bilateral_sigma_px,
                    pixels / settings.bilateral_sigma_intensity,
                ],
                axis=1,
            ),
        ),
    ):
        squares = (features**2).sum(axis=1)
        distance = squares[:, None] + squares - 2 * features @ features.T
        kernel = np.exp(-distance / 2)
        root = np.sqrt(kernel.sum(axis=1))
        kernels.append(weight * kernel / root / root[:, None])
    unary = -np.log(np.clip(given, 1e-5, 1)).reshape(len(given), -1).astype(np.float64)
    q = _softmax(-unary)
    for _ in range(settings.iterations):
        q = _softmax(-unary + sum(q @ kernel for kernel in kernels))
    return np.asarray(q.reshape(given.shape), np.float32)


def by_lattice_in_float64(crf: DenseCRF, given: Floats) -> Floats:
    """Return marginals over the lattices that `crf` has built, computed with sparse matrices."""
    kernels = []
    for kind in KINDS:
        lattice, weight = crf._lattice(kind, crf.settings, None)
        assert lattice is not None
        kernels.append((weight, _filter_of(lattice)))
    unary = np.log(np.clip(given, 1e-5, 1)).reshape(len(given), -1).astype(np.float64)
    q = _softmax(unary)
    for _ in range(crf.settings.iterations):
        q = _softmax(unary + sum(weight * filtered(q.T).T for weight, filtered in kernels))
    return np.asarray(q.reshape(given.shape), np.float32)


def _filter_of(lattice: PermutohedralLattice) -> Callable[[Any], Any]:
    """Return the lattice's normalised filter as a function of float64 values (pixels, channels)."""
    vertex_of = np.empty(lattice.grouped.size, np.int64)
    slots = np.where(lattice.grouped < 0, ~lattice.grouped, lattice.grouped)
    vertex_of[slots] = np.repeat(np.arange(lattice.vertices), np.diff(lattice.group_starts))
    vertex = np.empty(lattice.slots.shape, np.int64)
    for tile, (z0, z1, y0, y1, x0, x1) in enumerate(lattice.boxes):
        box = np.s_[z0:z1, y0:y1, x0:x1]
        vertex[box] = vertex_of[lattice.starts[tile] + lattice.slots[box].astype(np.int64)]
    axes, count = len(lattice.neighbours), lattice.vertices
    pixels = vertex.size // axes
    indices = np.repeat(np.arange(pixels), axes), vertex.ravel()
    # Barycentric weights sum to one; what the lattice's sum to is the normalisation.
    weights = lattice.weights.astype(np.float64)
    weights /= weights.sum(axis=-1, keepdims=True)
    slicing = sparse.csr_matrix((weights.ravel(), indices), shape=(pixels, count))
    blurs = []
    for blocks, offsets in lattice.neighbours:
        first = np.repeat(blocks[:-1, 1:], np.diff(blocks[:, 0]), axis=0)
        at, side = np.nonzero(offsets != NOBODY)
        halves = (np.full(at.size, 0.5), (at, (first + offsets)[at, side]))
        blurs.append(sparse.identity(count) + sparse.csr_matrix(halves, shape=(count, count)))

    def unnormalised(values: Any) -> Any:
        values = slicing.T @ values
        for blur in blurs:
            values = blur @ values
        return slicing @ values

    root = np.sqrt(unnormalised(np.ones((pixels, 1))))
    return lambda values: unnormalised(values / root) / root


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    exponentials = np.exp(logits - logits.max(axis=0))
    return exponentials / exponentials.sum(axis=0)

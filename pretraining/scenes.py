"""Scenes: images made by a program, with the exact class of each pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter

from pretraining.shapes import SHAPES, blob, polygon, voronoi
from pretraining.textures import Floats, coloured_noise, texture

Image = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.uint8]


def scene(rng: np.random.Generator, side: int) -> tuple[Image, Classes]:
    """Return an image `(side, side, 3)` and the class of each pixel `(side, side)`, from 0.

    Notes
    -----
    Three compositions: layers of shapes over a background, dead leaves whose leaves share few
    materials, and fields that meet at seams. Then the camera: blur, shading, contrast, noise.

    References
    ----------
    Kataoka et al., "Pre-training without natural images", ACCV 2020,
    https://doi.org/10.48550/arXiv.2101.08515
    """
    composition = rng.choice([_layers, _leaves, _fields], p=[0.68, 0.2, 0.12])
    image, classes = composition(rng, side)
    return camera(rng, image), classes


def _layers(rng: np.random.Generator, side: int) -> tuple[Floats, Classes]:
    base = rng.uniform(0, 1, 3)
    alike = rng.random() < 0.3
    image = texture(rng, side, base)
    classes = np.zeros((side, side), np.uint8)
    for index in range(1, int(rng.choice([2, 3, 4, 5], p=[0.5, 0.3, 0.15, 0.05]))):
        mask = SHAPES[rng.integers(len(SHAPES))](rng, side)
        near = np.clip(base + rng.normal(size=3) * rng.uniform(0.02, 0.15), 0, 1)
        material = texture(rng, side, near if alike or rng.random() < 0.25 else None)
        image = _paint(rng, image, mask, material)
        classes[mask] = index
        if rng.random() < 0.25:
            # Things of no class: they belong to whatever they lie on.
            distractor = SHAPES[rng.integers(len(SHAPES))](rng, side)
            amount = rng.uniform(-0.25, 0.25, 3 if rng.random() < 0.5 else 1)
            image = image + distractor[..., np.newaxis] * amount.astype(np.float32)
    return image, classes


def _leaves(rng: np.random.Generator, side: int) -> tuple[Floats, Classes]:
    n_classes = int(rng.integers(2, 5))
    materials = [texture(rng, side) for _ in range(n_classes + int(rng.integers(0, 3)))]
    owner = [*range(n_classes), *rng.integers(0, n_classes, len(materials) - n_classes)]
    image = materials[0].copy()
    classes = np.zeros((side, side), np.uint8)
    for _ in range(int(rng.integers(6, 30))):
        mask = (blob if rng.random() < 0.6 else polygon)(rng, side)
        choice = int(rng.integers(len(materials)))
        image = _paint(rng, image, mask, materials[choice] + rng.normal() * 0.04)
        classes[mask] = owner[choice]
    return image, classes


def _fields(rng: np.random.Generator, side: int) -> tuple[Floats, Classes]:
    n_classes, count = int(rng.integers(2, 5)), int(rng.integers(6, 60))
    first, second, index = voronoi(rng, side, count)
    classes = rng.integers(0, n_classes, count)[index].astype(np.uint8)
    materials = np.stack([texture(rng, side) for _ in range(n_classes)])
    image = np.take_along_axis(
        materials, classes[np.newaxis, :, :, np.newaxis].astype(np.intp), axis=0
    )[0]
    image = image + (rng.normal(size=count) * rng.uniform(0, 0.1))[index][..., np.newaxis]
    if rng.random() < 0.5:
        seam = (second - first) < rng.uniform(1.5, 4)
        image[seam] = texture(rng, side)[seam]
        classes[seam] = n_classes
    return np.asarray(image, np.float32), classes


def _paint(
    rng: np.random.Generator, image: Floats, mask: npt.NDArray[np.bool_], material: Floats
) -> Floats:
    """Return the image with a material where the mask is: sharp, soft, see-through, with a halo."""
    cover = mask.astype(np.float32)
    if rng.random() < 0.3:
        cover = gaussian_filter(cover, rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:
        cover = cover * np.float32(rng.uniform(0.3, 0.9))
    painted = image + (material - image) * cover[..., np.newaxis]
    effect = rng.random()
    if effect < 0.15:
        narrow, wide = rng.uniform(0.7, 1.5), rng.uniform(2, 5)
        soft = mask.astype(np.float32)
        halo = gaussian_filter(soft, narrow) - gaussian_filter(soft, wide)
        painted = painted + (halo * rng.uniform(-1, 1))[..., np.newaxis]
    elif effect < 0.3:
        depth = np.minimum(distance_transform_edt(mask), 12) / 12
        painted = painted + (depth * rng.uniform(-0.4, 0.4))[..., np.newaxis]
    return np.asarray(painted, np.float32)


def camera(rng: np.random.Generator, image: Floats) -> Image:
    """Return what a camera makes of a scene: blurred, shaded, dim or flat, noisy, gray, 8-bit."""
    side = len(image)
    if rng.random() < 0.6:
        blur = rng.uniform(0.3, 1.6)
        image = gaussian_filter(image, (blur, blur, 0))
    if rng.random() < 0.35:
        image = image.mean(axis=-1, keepdims=True)
    if rng.random() < 0.6:
        row, column = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        slope = rng.uniform(0, 0.35) * (column * np.cos(angle) + row * np.sin(angle))
        vignette = rng.uniform(-0.25, 0.1) * (row**2 + column**2)
        image = image * (1 + slope + vignette)[..., np.newaxis]
        if rng.random() < 0.4:
            uneven = rng.uniform(0, 0.08) * coloured_noise(rng, side, 2.6)
            image = image + uneven[..., np.newaxis]
    contrast = np.exp(rng.uniform(np.log(0.2), np.log(1.3))) if rng.random() < 0.5 else 1.0
    image = rng.uniform(0.2, 0.8) * (1 - contrast) + image * contrast
    noise = rng.standard_normal(image.shape, np.float32)
    if rng.random() < 0.3:
        noise = gaussian_filter(noise, (0.7, 0.7, 0)) * 2
    image = image + noise * (np.exp(rng.uniform(np.log(0.004), np.log(0.08))) * contrast**0.8)
    image = np.broadcast_to(np.clip(image, 0, 1), (side, side, 3))
    return np.asarray(image * 255 + 0.5, np.uint8)

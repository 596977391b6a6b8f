"""Pictures that people bring, small, in files as their microscopes and cameras write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.draw import disk

Array = npt.NDArray[np.generic]

CENTRES = ((40, 45), (45, 130), (105, 80), (150, 150), (150, 40))
RADIUS = 20
SHAPE = (192, 192)


TOUCHING = (*CENTRES, (150, 116), (75, 96))
"""Two more, each of which touches one of those."""


def discs(
    shape: tuple[int, int] = SHAPE,
    moved: tuple[int, int] = (0, 0),
    centres: Sequence[tuple[int, int]] = CENTRES,
) -> npt.NDArray[np.bool_]:
    """Return where discs are, moved by some rows and columns."""
    inside = np.zeros(shape, bool)
    for row, column in centres:
        inside[disk((row + moved[0], column + moved[1]), RADIUS, shape=shape)] = True
    return inside


def finds(found: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> bool:
    """Return whether discs were told from what is around them, in nearly all pixels.

    Without any disc it would be 83 % of them; it was 97.4 to 99.96 % in each walk, of which the
    movie's discs, the one that strokes were not on, are too small by a rim.
    """
    return bool((found == inside).mean() > 0.93)


def nuclei(
    seed: int = 0,
    moved: tuple[int, int] = (0, 0),
    centres: Sequence[tuple[int, int]] = CENTRES,
) -> npt.NDArray[np.uint16]:
    """Return bright nuclei of some 2 400 on 400, as a 12-bit camera counts them."""
    rng = np.random.default_rng(seed)
    bright = gaussian_filter(discs(moved=moved, centres=centres).astype(float), 1.5)
    texture = gaussian_filter(rng.normal(size=SHAPE), 2) * 600 * bright
    counts = 400 + 2000 * bright + texture + rng.normal(0, 40, SHAPE)
    return counts.clip(0, 4095).astype(np.uint16)


def channels() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Return two channels, none of which alone tells the three kinds of places apart.

    Discs are bright in the first; the right half of the picture is bright in the second.
    """
    second = 300 + 1500 * (np.indices(SHAPE)[1] >= SHAPE[1] // 2)
    noise = np.random.default_rng(1).normal(0, 40, SHAPE)
    return nuclei(), (second + noise).clip(0, 4095).astype(np.uint16)


def fields(seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return an aerial picture, RGB: water, fields, woods and bare soil, a quarter each."""
    rng = np.random.default_rng(seed)
    colours = {
        (0, 0): (40, 70, 140),
        (0, 1): (150, 190, 80),
        (1, 0): (30, 80, 40),
        (1, 1): (170, 130, 90),
    }
    picture = np.zeros((*SHAPE, 3))
    half = SHAPE[0] // 2
    for (row, column), colour in colours.items():
        part = (slice(row * half, (row + 1) * half), slice(column * half, (column + 1) * half))
        picture[part] = colour
    grain = gaussian_filter(rng.normal(size=(*SHAPE, 3)), (1, 1, 0)) * 25
    return (picture + grain).clip(0, 255).astype(np.uint8)


def write_tiff(path: Path, data: Array, **words: object) -> Path:
    """Write a TIFF as ImageJ would, and return its path."""
    tifffile.imwrite(path, data, imagej=True, **words)
    return path

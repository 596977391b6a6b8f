"""Labels as people bring them: cells with an id each, soft masks, Pascal VOC's outlines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.draw import disk
from skimage.filters import gaussian

Labels = npt.NDArray[np.integer]


def cells(n_a_side: int = 12, pitch: int = 12, radius: float = 4.5) -> Labels:
    """Return round cells on a grid, numbered from 1; 144 of them on 144 x 144 pixels."""
    side = n_a_side * pitch
    labels = np.zeros((side, side), np.uint16)
    for number in range(n_a_side**2):
        row, column = divmod(number, n_a_side)
        centre = (row * pitch + pitch / 2, column * pitch + pitch / 2)
        labels[disk(centre, radius, shape=labels.shape)] = number + 1
    return labels


def touching_squares() -> Labels:
    """Return two squares of 10 x 10 pixels that share an edge, 3 and 9, on 32 x 40 pixels."""
    labels = np.zeros((32, 40), np.uint8)
    labels[10:20, 10:20], labels[10:20, 20:30] = 3, 9
    return labels


def soft_mask() -> Labels:
    """Return a mask of 0 and 255 with soft edges, as a drawing program exports it."""
    mask = np.zeros((96, 96))
    mask[disk((48, 48), 30)] = 255
    return np.round(gaussian(mask, 0.8, preserve_range=True)).astype(np.uint8)


def voc_mask() -> Labels:
    """Return two objects of classes 8 and 15, each with an outline of 255."""
    labels = np.zeros((96, 128), np.uint8)
    for value, centre in ((8, (40, 35)), (15, (55, 90))):
        labels[disk(centre, 24)] = 255
        labels[disk(centre, 21)] = value
    return labels


def shown(labels: Labels, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return an image in which what is labelled is brighter."""
    noise = np.random.default_rng(seed).normal(60, 12, labels.shape)
    return (noise + 110 * (labels != 0)).clip(0, 255).astype(np.uint8)

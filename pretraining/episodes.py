"""Episodes: a scene seen anew, a few strokes on it, and pixels to tell the class of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pretraining.scenes import Classes, Image

N_CLASSES = 6
"""Most classes a scene has; episodes with fewer leave the last ones empty."""

VOID = 255
"""Of pixels that belong to no class."""

_REACH_PX = 12
_FEWEST_PIXELS = 30


@dataclass(frozen=True)
class Episode:
    """One image with strokes and questions.

    Parameters
    ----------
    image : array of uint8, shape `(side, side, 3)`
    points : array of int32, shape `(support + queries, 2)`
        Row and column of the stroke pixels, then of the questions.
    targets : array of float32, shape `(support, N_CLASSES)`
        One-hot class of the stroke pixels times their weight; each class weighs the same, and
        rows of zeros fill up.
    answers : array of int32, shape `(queries,)`
        Class of the questions; 0 where it has no stroke.
    weights : array of float32, shape `(queries,)`
        0 where the question's class has no stroke.
    """

    image: Image
    points: npt.NDArray[np.int32]
    targets: npt.NDArray[np.float32]
    answers: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


def episode(
    rng: np.random.Generator,
    image: Image,
    classes: Classes,
    side: int,
    support: int,
    queries: int,
) -> Episode:
    """Return an episode on a random crop of a scene.

    The first half of the questions are pixels drawn evenly from the image, the second half evenly
    from the classes, so that thin structures count.
    """
    present = np.empty(0, np.intp)
    whole = image, classes
    while not present.size:
        image, classes = crop_and_turn(rng, *whole, side)
        flat = classes.ravel()
        counts = np.bincount(flat[flat != VOID], minlength=N_CLASSES)
        present = np.flatnonzero(counts >= _FEWEST_PIXELS)
    image = recolour(rng, image)
    places = {int(value): np.flatnonzero(flat == value) for value in present}

    targets = np.zeros((support, N_CLASSES), np.float32)
    chosen = np.zeros(support, np.intp)
    strokes = {
        value: draw_strokes(rng, classes, where, support // len(present))
        for value, where in places.items()
    }
    filled = 0
    for value, pixels in strokes.items():
        stop = filled + len(pixels)
        chosen[filled:stop] = pixels
        targets[filled:stop, value] = 1 / len(pixels)
        filled = stop

    even = rng.integers(0, flat.size, queries // 2)
    per_class = np.array_split(np.arange(queries - queries // 2), len(present))
    balanced = [
        rng.choice(places[int(value)], len(part))
        for value, part in zip(present, per_class, strict=True)
    ]
    asked = np.concatenate([even, *balanced])
    points = np.concatenate([chosen, asked])
    known = np.isin(flat[asked], present)
    return Episode(
        image,
        np.stack(np.divmod(points, side), axis=1).astype(np.int32),
        targets,
        np.where(known, flat[asked], 0).astype(np.int32),
        known.astype(np.float32),
    )


def draw_strokes(
    rng: np.random.Generator,
    classes: Classes,
    where: npt.NDArray[np.intp],
    limit: int,
) -> npt.NDArray[np.intp]:
    """Return flat indices of pixels on one to four short strokes within a class.

    Parameters
    ----------
    rng : numpy.random.Generator
    classes : array, shape `(side, side)`
    where : array of int
        Flat indices of the class.
    limit : int
        Most pixels to return.
    """
    side = len(classes)
    value = classes.flat[where[0]]
    count = int(rng.integers(1, 5))
    length = min(int(rng.integers(8, 60)), limit // count)
    pixels = []
    for row, column in zip(*np.divmod(rng.choice(where, count), side), strict=True):
        top, left = max(0, row - _REACH_PX), max(0, column - _REACH_PX)
        window = classes[top : row + _REACH_PX + 1, left : column + _REACH_PX + 1]
        rows, columns = np.nonzero(window == value)
        rows, columns = rows + top, columns + left
        angle = rng.uniform(0, np.pi)
        along = (columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)
        across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
        distance = np.abs(along) + 5 * np.abs(across)
        nearest = np.argsort(distance)[:length]
        pixels.append(rows[nearest] * side + columns[nearest])
    return np.concatenate(pixels)


def crop_and_turn(
    rng: np.random.Generator, image: Image, classes: Classes, side: int
) -> tuple[Image, Classes]:
    """Return a square crop, mirrored and turned by right angles."""
    top, left = rng.integers(0, len(image) - side + 1, 2)
    quarter, mirror = int(rng.integers(4)), rng.random() < 0.5
    turned = []
    for array in (image, classes):
        part = np.rot90(array[top : top + side, left : left + side], quarter)
        turned.append(part[:, ::-1] if mirror else part)
    return turned[0], turned[1]


def recolour(rng: np.random.Generator, image: Image) -> Image:
    """Return the image with its channels exchanged, inverted, and brighter or darker."""
    changed = image[..., rng.permutation(3)].astype(np.float32)
    if rng.random() < 0.3:
        changed = 255 - changed
    if rng.random() < 0.15:
        changed = np.repeat(changed.mean(axis=-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.5:
        gain, offset = np.exp(rng.normal(size=3) * 0.15), rng.normal(size=3) * 12
        changed = (changed - 127) * gain.astype(np.float32) + 127 + offset.astype(np.float32)
    return np.asarray(np.clip(changed, 0, 255) + 0.5, np.uint8)

"""Regions: boolean masks `(side, side)` of the kinds of things people segment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from pretraining.textures import coloured_noise

Mask = npt.NDArray[np.bool_]


def blob(rng: np.random.Generator, side: int) -> Mask:
    """One object with a wavy outline."""
    row, column = np.mgrid[:side, :side].astype(np.float32)
    centre = rng.uniform(0.1, 0.9, 2) * side
    radius = np.exp(rng.uniform(np.log(0.06), np.log(0.45))) * side
    angle, flat = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    along = (column - centre[1]) * np.cos(angle) + (row - centre[0]) * np.sin(angle)
    across = ((row - centre[0]) * np.cos(angle) - (column - centre[1]) * np.sin(angle)) / flat
    direction = np.arctan2(across, along)
    outline = 1 + sum(
        rng.normal() * 0.12 * np.cos(waves * direction + rng.uniform(0, 6)) for waves in (2, 3, 5)
    )
    return np.asarray(np.hypot(along, across) < radius * outline)


def polygon(rng: np.random.Generator, side: int) -> Mask:
    """One convex object with straight edges."""
    row, column = np.mgrid[:side, :side].astype(np.float32)
    centre = rng.uniform(0.1, 0.9, 2) * side
    radius = np.exp(rng.uniform(np.log(0.06), np.log(0.4))) * side
    inside = np.ones((side, side), bool)
    start, edges = rng.uniform(0, np.pi), rng.integers(3, 7)
    for edge in range(edges):
        angle = start + 2 * np.pi * edge / edges + rng.normal() * 0.15
        distance = (column - centre[1]) * np.cos(angle) + (row - centre[0]) * np.sin(angle)
        inside &= distance < radius * rng.uniform(0.5, 1.1)
    return inside


def clouds(rng: np.random.Generator, side: int) -> Mask:
    """Irregular patches with ragged or smooth borders."""
    return coloured_noise(rng, side, rng.uniform(1.2, 2.6)) > rng.uniform(-0.3, 0.9)


def cells(rng: np.random.Generator, side: int) -> Mask:
    """Many ellipses of one size, touching and overlapping."""
    inside = np.zeros((side, side), bool)
    row, column = np.mgrid[:side, :side].astype(np.float32)
    radius = np.exp(rng.uniform(np.log(2.5), np.log(18)))
    count = int(np.clip(rng.uniform(0.05, 0.55) * side**2 / (np.pi * radius**2), 1, 200))
    flat = rng.uniform(0.35, 0.9)
    for _ in range(count):
        centre = rng.uniform(0, side, 2)
        size, angle = radius * rng.uniform(0.7, 1.3), rng.uniform(0, np.pi)
        top, left = (int(max(0, place - 1.5 * size)) for place in centre)
        bottom, right = (int(min(side, place + 1.5 * size) + 1) for place in centre)
        rows = row[top:bottom, left:right] - centre[0]
        columns = column[top:bottom, left:right] - centre[1]
        along = columns * np.cos(angle) + rows * np.sin(angle)
        across = (rows * np.cos(angle) - columns * np.sin(angle)) / rng.uniform(flat, 1)
        inside[top:bottom, left:right] |= np.hypot(along, across) < size
    return inside


def membranes(rng: np.random.Generator, side: int) -> Mask:
    """Walls between cells: the seams of a warped Voronoi diagram."""
    first, second, _ = voronoi(rng, side, int(rng.integers(8, 90)))
    return (second - first) < rng.uniform(1.6, 5.0)


def contours(rng: np.random.Generator, side: int) -> Mask:
    """Thin closed curves: the level lines of smooth noise."""
    noise = coloured_noise(rng, side, rng.uniform(1.9, 2.5))
    rows, columns = np.gradient(noise)
    return np.abs(noise) / (np.hypot(rows, columns) + 1e-2) < rng.uniform(0.8, 2.2)


def vessels(rng: np.random.Generator, side: int) -> Mask:
    """A tree of lines that get thinner as they branch."""
    inside = np.zeros((side, side), bool)
    tips = []
    for _ in range(rng.integers(1, 4)):
        start = rng.uniform(0, side, 2)
        tips.append((start, rng.uniform(0, 2 * np.pi), rng.uniform(2.0, 5.5)))
    wiggle, branching = rng.uniform(0.03, 0.2), rng.uniform(0.01, 0.05)
    walked: dict[float, list[npt.NDArray[np.float64]]] = {}
    steps = int(rng.integers(300, 1200))
    while tips and steps > 0:
        place, heading, width = tips.pop()
        track = []
        for _ in range(rng.integers(20, 160)):
            heading += rng.normal() * wiggle
            place = place + np.array([np.sin(heading), np.cos(heading)])
            if not ((place > -4) & (place < side + 4)).all():
                break
            track.append(place)
            steps -= 1
            if rng.random() < branching and width > 1.0:
                turn = rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
                tips.append((place, heading + turn, width * rng.uniform(0.5, 0.85)))
        walked.setdefault(round(width * 2) / 2, []).extend(track)
        if width > 1.3 and len(track) > 15:
            tips.append((place, heading, width * 0.75))
    for width, places in walked.items():
        inside |= _thick(np.array(places), side, width)
    return inside


def fibres(rng: np.random.Generator, side: int) -> Mask:
    """Straight or bent strands, mostly along one direction."""
    width, count = rng.uniform(1.0, 4.5), int(rng.integers(3, 30))
    spread, mean = rng.choice([0.15, 0.6, 3.0]), rng.uniform(0, np.pi)
    length = rng.uniform(0.3, 1.6) * side
    places = []
    for _ in range(count):
        along = np.linspace(-length / 2, length / 2, int(length) + 1)
        heading = mean + rng.normal() * spread + along * rng.normal() * 0.01
        steps = np.stack([np.sin(heading), np.cos(heading)], axis=1)
        track = np.cumsum(steps, axis=0)
        places.append(track - track[len(track) // 2] + rng.uniform(0, side, 2))
    return _thick(np.concatenate(places), side, width)


def field(rng: np.random.Generator, side: int) -> Mask:
    """Everything on one side of a wavy line."""
    row, column = np.mgrid[:side, :side].astype(np.float32) - side / 2
    angle = rng.uniform(0, np.pi)
    distance = column * np.cos(angle) + row * np.sin(angle)
    waves = rng.uniform(0, 0.1) * side * coloured_noise(rng, side, 2.3)
    return np.asarray(distance + waves > rng.uniform(-0.3, 0.3) * side)


def voronoi(
    rng: np.random.Generator, side: int, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return each pixel's distance to the nearest and second seed, and the nearest's index."""
    seeds = rng.uniform(-0.05, 1.05, (count, 2)) * side
    places = np.stack(np.mgrid[:side, :side], axis=-1).astype(np.float64)
    bend = rng.uniform(0, 0.06) * side
    for axis in range(2):
        places[..., axis] += bend * coloured_noise(rng, side, 2.2)
    distance, index = cKDTree(seeds).query(places.reshape(-1, 2), k=2)
    distance = distance.reshape(side, side, 2)
    return distance[..., 0], distance[..., 1], index[:, 0].reshape(side, side)


SHAPES: tuple[Callable[[np.random.Generator, int], Mask], ...] = (
    blob,
    polygon,
    clouds,
    cells,
    cells,
    membranes,
    contours,
    vessels,
    fibres,
    field,
)


def _thick(places: npt.NDArray[np.float64], side: int, width: float) -> Mask:
    empty = np.ones((side, side), bool)
    if len(places):
        nearest = np.rint(places).astype(int)
        nearest = nearest[((nearest >= 0) & (nearest < side)).all(axis=1)]
        empty[nearest[:, 0], nearest[:, 1]] = False
    if empty.all():
        return ~empty
    return np.asarray(distance_transform_edt(empty) < width / 2)

"""Surfaces: an image `(side, side, 3)` of one material, made from noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Floats = npt.NDArray[np.float32]


def coloured_noise(
    rng: np.random.Generator,
    side: int,
    slope: float,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Floats:
    """Return noise `(side, side)` with mean 0 and deviation 1 whose spectrum falls as `f**-slope`.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
    slope : float
        0 is white; 2 and more is smooth.
    stretch : float
        How many times longer structures are along `angle` than across it.
    angle : float
        In radians.

    References
    ----------
    Baradad et al., "Learning to see by looking at noise", NeurIPS 2021,
    https://doi.org/10.48550/arXiv.2106.05963
    """
    rows = np.fft.fftfreq(side)[:, np.newaxis].astype(np.float32)
    columns = np.fft.rfftfreq(side)[np.newaxis].astype(np.float32)
    along = (columns * np.cos(angle) + rows * np.sin(angle)) * stretch
    across = rows * np.cos(angle) - columns * np.sin(angle)
    amplitude = (np.hypot(along, across) + 1 / side) ** -slope
    amplitude[0, 0] = 0
    phase = rng.random(amplitude.shape, np.float32) * np.float32(2 * np.pi)
    noise = np.fft.irfft2(amplitude * np.exp(1j * phase), s=(side, side))
    return np.asarray(noise / (noise.std() + 1e-6), np.float32)


def pattern(rng: np.random.Generator, side: int) -> Floats:
    """Return the relief `(side, side)` of a material, with a deviation near 1."""
    angle = rng.uniform(0, np.pi)
    kind = rng.integers(7)
    if kind == 0:
        return coloured_noise(rng, side, rng.uniform(0.3, 2.2), np.exp(rng.uniform(0, 1.6)), angle)
    if kind == 1:
        row, column = np.mgrid[:side, :side].astype(np.float32)
        phase = (column * np.cos(angle) + row * np.sin(angle)) * rng.uniform(0.15, 2.0)
        waves = np.sin(phase + rng.uniform(0, 1.5) * coloured_noise(rng, side, 2.0))
        return np.asarray(waves * 1.3, np.float32)
    if kind == 2:
        grains = gaussian_filter(
            rng.standard_normal((side, side), np.float32), rng.uniform(0.5, 3.5)
        )
        grains /= grains.std()
        return (grains > rng.uniform(0.3, 1.6)) * np.float32(rng.choice([-2.2, 2.2]))
    if kind == 3:
        ridges = np.abs(coloured_noise(rng, side, rng.uniform(1.2, 2.0)))
        return np.asarray((ridges - ridges.mean()) * 1.6, np.float32)
    if kind == 4:
        grains = coloured_noise(rng, side, rng.uniform(0.8, 1.8))
        return np.sign(grains) * np.float32(0.9)
    if kind == 5:
        fine = coloured_noise(rng, side, 0.2)
        coarse = coloured_noise(rng, side, 2.2)
        return np.asarray(fine * (1 + np.tanh(coarse)) * 0.7, np.float32)
    return np.zeros((side, side), np.float32)


def texture(
    rng: np.random.Generator, side: int, base: npt.NDArray[np.floating] | None = None
) -> Floats:
    """Return a material's colours, shape `(side, side, 3)`, roughly in [0, 1].

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
    base : array of float, shape `(3,)`, optional
        Its mean colour, so that two materials may differ in nothing but their pattern.
    """
    if base is None:
        base = rng.uniform(0, 1, 3)
        if rng.random() < 0.4:
            base = np.full(3, base.mean())
    strength = rng.uniform(0, 0.28) * (rng.random() < 0.8)
    direction = rng.normal(size=3) * 0.4 + rng.choice([-1.0, 1.0])
    direction /= np.abs(direction).max()
    image = base + strength * pattern(rng, side)[..., np.newaxis] * direction
    if rng.random() < 0.25:
        direction = rng.normal(size=3) * 0.5 + 1
        image = image + 0.12 * coloured_noise(rng, side, 2.0)[..., np.newaxis] * direction
    return np.asarray(image, np.float32)

"""Dense CRF of one image: lattices built once, inference as often as one likes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf import pydensecrf
from napari_fcn_crf.crf.features import FARTHEST, Features, appearance, positions
from napari_fcn_crf.crf.large_images import margin_px, parts, pixels_at_once
from napari_fcn_crf.crf.lattice import CrowdedTileError, PermutohedralLattice, tile_boxes
from napari_fcn_crf.crf.mean_field import OnIteration, ShouldStop, mean_field
from napari_fcn_crf.crf.unary import clamp, log_odds
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.probabilities import as_probabilities
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.threads import Check, available_threads

Floats = npt.NDArray[np.float32]
Kind = Literal["smoothness", "appearance"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Images that would need more are refined in parts.
_BYTES_AT_ONCE = 1 << 31
# As good as none and as good as infinite, and still numbers in float32.
_LEAST_SIGMA, _LARGEST_SIGMA = 1e-30, 1e30


class DenseCRF:
    """A fully connected CRF on an image.

    Parameters
    ----------
    image : array of real numbers, shape (rows, columns, channels), or with planes before
        On the scale of 0 to 255 that the intensity sigma is in, unless `intensity` is given.
    settings : CRFSettings
    spacing : sequence of float, one a spatial axis, optional
        Size of a pixel along each axis in units of the last one's; the sigmas are in those units.
        A volume of planes three columns' width apart has (3, 1, 1).
    threads : int, optional
        By default as many as `threads.available_threads` says.
    intensity : IntensityMapping, optional
        How the image is brought to the scale of 0 to 255, if it is not on it.
    origin : sequence of int, one a spatial axis, optional
        Position of the first pixel, when the image is a part of another: the part's lattices then
        have their vertices where the whole's have them.

    Raises
    ------
    TypeError
        If the image is not an array of real numbers.
    ValueError
        If it has another number of axes, no pixels, or values that are not finite.

    Notes
    -----
    The energy of a labelling x is

        E(x) = Σ_i -log p_i(x_i) + Σ_{i<j} [x_i ≠ x_j] (w1 exp(-|p_i-p_j|²/2θα² - |I_i-I_j|²/2θβ²)
                                                       + w2 exp(-|p_i-p_j|²/2θγ²))

    with positions p, intensities I, and each kernel normalised symmetrically. Positions are in the
    order (plane,) row, column: the lattice's error depends on it, so it matters for agreement.
    Lattices depend on image and sigmas alone and are built when they are first needed.

    The kernels are these two, the paper's, by design, and no list of any number: an iteration reads
    both lattices' slots of a pixel in one compiled pass (`_kernels/mean_field_steps.update`), whose
    types differ with each lattice's corners, and settings, presets and sliders name both.

    References
    ----------
    Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge
    potentials", NIPS 2011, https://doi.org/10.48550/arXiv.1210.5644
    """

    def __init__(
        self,
        image: Any,
        settings: CRFSettings,
        *,
        spacing: Sequence[float] | None = None,
        threads: int | None = None,
        intensity: IntensityMapping | None = None,
        origin: Sequence[int] | None = None,
    ) -> None:
        self.settings = settings
        self._image = _check_image(image)
        self._spatial_shape = self._image.shape[:-1]
        axes = len(self._spatial_shape)
        self._spacing = (1.0,) * axes if spacing is None else _check_spacing(spacing, axes)
        self._threads = threads or available_threads()
        self._intensity = intensity
        self._origin = (0, 0, *(origin or (0,) * axes))[-3:]
        self._volume = self._image.reshape((1, *self._image.shape)[-4:])
        self._corners = axes + self._image.shape[-1] + 1
        self._boxes = tile_boxes(self._volume.shape[:3])
        self._lattices: dict[Kind, tuple[tuple[float, ...], PermutohedralLattice]] = {}

    def infer(
        self,
        probabilities: Any,
        settings: CRFSettings | None = None,
        *,
        on_iteration: OnIteration | None = None,
        should_stop: ShouldStop | None = None,
        clamped: Any = None,
        check: Check | None = None,
    ) -> Floats:
        """Return the marginals of every pixel, float32, shape (classes, *spatial), summing to one.

        Parameters
        ----------
        probabilities : array of real numbers, shape (classes, *spatial)
            Of the classes, summing to one at each pixel.
        settings : CRFSettings, optional
            Others than those given at first; lattices are kept as far as the sigmas are the same.
        on_iteration : callable, optional
            Called with the iterations done and in all.
        should_stop : callable, optional
            Asked between iterations; when it returns True, one more ends the work.
        clamped : int array, shape (*spatial), optional
            Class index of pixels whose class is certain; -1 where it is free.
        check : callable, optional
            Called several times a second, in any thread, even while lattices are built; raises to
            end the work without a result.

        Raises
        ------
        TypeError
            If probabilities or clamped pixels have another type.
        ValueError
            If a shape or a value is wrong, or a sigma too small for the image; the message says
            which.
        ImportError
            If the engine is "pydensecrf" and it is not installed.
        """
        settings = settings or self.settings
        given = as_probabilities(probabilities, self._spatial_shape)
        classes = len(given)
        fixed = _check_clamped(clamped, self._spatial_shape, classes)
        if settings.iterations:
            self._check_sigmas(settings)
        in_parts = settings.engine == "builtin" and self._pixels_at_once(classes) < given[0].size
        return (self._infer_in_parts if in_parts else self._infer_whole)(
            given, settings, fixed, on_iteration=on_iteration, should_stop=should_stop, check=check
        )

    def _infer_whole(
        self,
        given: Floats,
        settings: CRFSettings,
        fixed: npt.NDArray[np.integer[Any]] | None,
        **control: Any,
    ) -> Floats:
        classes = len(given)
        volume = np.ascontiguousarray(given).reshape(classes, *self._volume.shape[:3])
        odds = log_odds(volume, self._threads, control["check"])
        pixels = np.zeros(0, np.intp) if fixed is None else np.flatnonzero(fixed >= 0)
        chosen = None if fixed is None else fixed.reshape(-1)[pixels]
        if chosen is not None:
            clamp(odds, pixels, chosen, classes)
        weights = [_weight(kind, settings) for kind in KINDS]
        if classes == 1 or not settings.iterations or not any(weights):
            marginals = volume / volume.sum(axis=0)
        elif settings.engine == "pydensecrf":
            marginals = self._infer_by_reference(volume, settings)
        else:
            marginals = self._infer(odds, classes, settings, **control)
        marginals = np.asarray(marginals, np.float32)
        if chosen is not None:
            flat = marginals.reshape(classes, -1)
            flat[:, pixels] = 0
            flat[chosen, pixels] = 1
        return marginals.reshape(given.shape)

    def _infer(self, odds: Floats, classes: int, settings: CRFSettings, **control: Any) -> Floats:
        smooth, alike = self._both_lattices(settings, control["check"])
        return mean_field(
            odds,
            classes,
            self._boxes,
            smooth,
            alike,
            settings.iterations,
            threads=self._threads,
            **control,
        )

    def _infer_in_parts(
        self,
        given: Floats,
        settings: CRFSettings,
        fixed: npt.NDArray[np.integer[Any]] | None,
        *,
        on_iteration: OnIteration | None,
        should_stop: ShouldStop | None,
        check: Check | None,
    ) -> Floats:
        """Do `infer` for parts with margins, each with lattices of its own, one after the other.

        What a part says about its margins is not used. After a stop, parts that were not begun
        keep their probabilities.
        """
        farthest = max(settings.gaussian_sigma_px, settings.bilateral_sigma_px)
        margins = list(map(margin_px, self._sigmas_px(farthest, settings)))
        pieces = parts(self._spatial_shape, margins, self._pixels_at_once(len(given)))
        marginals = np.empty_like(given)
        total = len(pieces) * settings.iterations
        for number, (core, whole, inner) in enumerate(pieces):
            if number and should_stop is not None and should_stop():
                rest = given[(slice(None), *core)]
                marginals[(slice(None), *core)] = rest / rest.sum(axis=0)
                continue

            def report(done: int, _: int, before: int = number * settings.iterations) -> None:
                if on_iteration is not None:
                    on_iteration(before + done, total)

            first = [start.start for start in whole]
            part = DenseCRF(
                self._image[whole],
                settings,
                spacing=self._spacing,
                threads=self._threads,
                intensity=self._intensity,
                origin=[a + b for a, b in zip(self._origin[-len(first) :], first, strict=True)],
            )
            refined = part._infer_whole(
                given[(slice(None), *whole)],
                settings,
                None if fixed is None else fixed[whole],
                on_iteration=report,
                should_stop=should_stop,
                check=check,
            )
            marginals[(slice(None), *core)] = refined[(slice(None), *inner)]
        return marginals

    def _pixels_at_once(self, classes: int) -> int:
        axes, channels = len(self._spatial_shape), int(self._image.shape[-1])
        return pixels_at_once(_BYTES_AT_ONCE, axes, channels, classes)

    def _infer_by_reference(self, probabilities: Floats, settings: CRFSettings) -> Floats:
        kernels = [
            (self._features(kind, settings).table(), weight)
            for kind in KINDS
            if (weight := _weight(kind, settings))
        ]
        flat = probabilities.reshape(len(probabilities), -1)
        marginals = pydensecrf.infer(kernels, flat, settings.iterations)
        return marginals.reshape(probabilities.shape)

    def _features(self, kind: Kind, settings: CRFSettings) -> Features:
        if kind == "smoothness":
            sigmas = self._sigmas_px(settings.gaussian_sigma_px, settings)
            return positions(self._volume.shape[:3], sigmas, self._origin)
        sigmas = self._sigmas_px(settings.bilateral_sigma_px, settings)
        channels = self._volume.shape[3]
        intensity = (settings.bilateral_sigma_intensity,) * channels
        if self._intensity is not None:
            volume = self._intensity.apply(self._image).reshape(self._volume.shape)
        else:
            volume = np.ascontiguousarray(self._volume, np.float32)
        return appearance(volume, sigmas, intensity, self._origin)

    def _sigmas_px(self, sigma: float, settings: CRFSettings) -> tuple[float, ...]:
        ratios = (settings.depth_ratio, 1.0, 1.0)[-len(self._spacing) :]
        return tuple(
            min(max(sigma * ratio * (self._spacing[-1] / step), _LEAST_SIGMA), _LARGEST_SIGMA)
            for ratio, step in zip(ratios, self._spacing, strict=True)
        )

    @cached_property
    def _brightest(self) -> float:
        """Largest absolute value on the scale of the intensity sigma."""
        if self._intensity is not None:
            return IntensityMapping.FARTHEST
        return max(abs(float(self._image.min())), abs(float(self._image.max())))

    def _check_sigmas(self, settings: CRFSettings) -> None:
        """Refuse sigmas that are so small for the image that pixels could not be numbered."""
        last = [
            first + length - 1
            for first, length in zip(
                self._origin[-len(self._spatial_shape) :], self._spatial_shape, strict=True
            )
        ]
        for sigma, name, weight in (
            (
                settings.gaussian_sigma_px,
                "smoothness radius (gaussian_sigma_px)",
                settings.gaussian_weight,
            ),
            (
                settings.bilateral_sigma_px,
                "edge radius (bilateral_sigma_px)",
                settings.bilateral_weight,
            ),
        ):
            sigmas = self._sigmas_px(sigma, settings)
            away = max(position / along for position, along in zip(last, sigmas, strict=True))
            if weight and away > FARTHEST:
                is_odd = len(set(self._spacing)) > 1
                raise ValueError(
                    f"The {name} must be at least {_rounded_up(sigma * away / FARTHEST)} for an "
                    f"image of this size, but is {sigma:g}. Choose a larger one"
                    + (", or correct the size of a pixel." if is_odd else ".")
                )
        sigma = settings.bilateral_sigma_intensity
        if settings.bilateral_weight and not self._brightest <= FARTHEST * sigma:
            raise ValueError(
                "The edge sensitivity (bilateral_sigma_intensity) must be at least "
                f"{_rounded_up(self._brightest / FARTHEST)} for values up to {self._brightest:g}, "
                f"but is {sigma:g}. Choose a larger one."
            )

    def _both_lattices(
        self, settings: CRFSettings, check: Check | None
    ) -> list[tuple[PermutohedralLattice | None, float]]:
        """Return the lattices and weights of both kernels, with smaller tiles if need be."""
        # What was built of a crowded lattice goes with the error, before the next one is begun.
        with suppress(CrowdedTileError):
            return [self._lattice(kind, settings, check) for kind in KINDS]
        self._boxes = tile_boxes(self._volume.shape[:3], self._corners)
        self._lattices.clear()
        return [self._lattice(kind, settings, check) for kind in KINDS]

    def _lattice(
        self, kind: Kind, settings: CRFSettings, check: Check | None
    ) -> tuple[PermutohedralLattice | None, float]:
        """Return a kernel's lattice, built if the kept one has other sigmas, and its weight."""
        weight = _weight(kind, settings)
        if not weight:
            return None, 0.0
        sigmas = _sigmas(kind, settings)
        kept = self._lattices.get(kind)
        if kept is None or kept[0] != sigmas:
            # The old one goes first: there may not be memory for two.
            kept = None
            self._lattices.pop(kind, None)
            lattice = PermutohedralLattice(
                partial(self._features, kind, settings), self._boxes, self._threads, check
            )
            self._lattices[kind] = kept = sigmas, lattice
        return kept[1], weight


def _rounded_up(value: float) -> str:
    """Return a number of two digits, no smaller than the value."""
    return f"{1.1 * value:.2g}"


def _weight(kind: Kind, settings: CRFSettings) -> float:
    return settings.gaussian_weight if kind == "smoothness" else settings.bilateral_weight


def _sigmas(kind: Kind, settings: CRFSettings) -> tuple[float, ...]:
    if kind == "smoothness":
        return settings.gaussian_sigma_px, settings.depth_ratio
    return (
        settings.bilateral_sigma_px,
        settings.bilateral_sigma_intensity,
        settings.depth_ratio,
    )


def _check_image(image: Any) -> npt.NDArray[Any]:
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"An image must hold real numbers, but this one's type is {array.dtype}. "
            "Convert it first, e.g. image.astype('float32')."
        )
    if array.ndim not in (3, 4) or array.size == 0:
        raise ValueError(
            "An image for the CRF must be (rows, columns, channels) or (planes, rows, columns, "
            f"channels), with pixels in it, but its shape is {array.shape}. Add an axis for the "
            "channels if it has none, e.g. image[..., None]."
        )
    # A NaN anywhere is the smallest and the largest. Not their sum, which may be infinite.
    ends = float(array.min()), float(array.max())
    if not all(map(math.isfinite, ends)):
        raise ValueError(
            "An image must have finite values only, but some of this one's are NaN or infinite. "
            "Fill them first, e.g. with numpy.nan_to_num."
        )
    return array


def _check_spacing(spacing: Sequence[float], axes: int) -> tuple[float, ...]:
    checked = tuple(map(float, spacing))
    if len(checked) != axes or not all(0 < step < np.inf for step in checked):
        raise ValueError(
            f"spacing must be {axes} numbers above 0, one a spatial axis, but is {checked}. "
            "Correct the size of a pixel."
        )
    return checked


def _check_clamped(
    clamped: Any, shape: tuple[int, ...], classes: int
) -> npt.NDArray[np.integer[Any]] | None:
    if clamped is None:
        return None
    array = np.asarray(clamped)
    if array.dtype.kind not in "iu":
        raise TypeError(f"clamped must hold class indices, but its type is {array.dtype}.")
    if array.shape != shape:
        raise ValueError(
            f"clamped must have the image's shape {shape}, but its shape is {array.shape}."
        )
    low, high = int(array.min()), int(array.max())
    if low < -1 or high >= classes:
        raise ValueError(
            f"clamped must be class indices from 0 to {classes - 1}, or -1 for free pixels, but "
            f"goes from {low} to {high}."
        )
    return array


def warm_up(classes: int = 2) -> None:
    """Load the kernels, or compile them once on this computer, so that the first Refine is fast.

    Takes half a minute at worst, can run in any thread, and covers 2-D RGB and gray images.

    Parameters
    ----------
    classes : int
        Few and many classes have kernels of their own.
    """
    probabilities = np.full((classes, 4, 4), 1 / classes, np.float32)
    for channels in (3, 1):
        DenseCRF(np.zeros((4, 4, channels), np.float32), CRFSettings()).infer(probabilities)

"""Region on the screen, refined again and again while the parameters change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings

MAXIMUM_PX = 1024 * 1024
"""Larger regions are sampled more coarsely: a preview is no sharper than a screen."""


@dataclass(frozen=True)
class Region:
    """Rows and columns of a plane, and how densely they are sampled.

    Parameters
    ----------
    rows, columns : tuple of int
        First and one past the last.
    step : int
        1 takes every pixel.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    step: int

    @classmethod
    def visible(
        cls,
        corner_low: tuple[float, float],
        corner_high: tuple[float, float],
        shape: tuple[int, int],
    ) -> Region:
        """Return the region between two corners, inside an image, on steps that stay in place.

        Its borders are multiples of 32 px, so that a small pan finds the same region, and what was
        computed for it, again.
        """
        rows, columns = (
            _between(low, high, size)
            for low, high, size in zip(corner_low, corner_high, shape, strict=True)
        )
        area = (rows[1] - rows[0]) * (columns[1] - columns[0])
        return cls(rows, columns, max(1, int(np.ceil(np.sqrt(area / MAXIMUM_PX)))))

    def coarser(self, factor: int) -> Region:
        """Return the same region, sampled on every `factor`th of its rows and columns."""
        return replace(self, step=self.step * factor)

    @property
    def pixels(self) -> int:
        """Number of pixels it is sampled at."""
        rows, columns = (
            -(-(last - first) // self.step) for first, last in (self.rows, self.columns)
        )
        return rows * columns

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the region as an index into a plane."""
        return slice(*self.rows, self.step), slice(*self.columns, self.step)


class RegionLattices:
    """The CRF of one plane's visible region; lattices are kept until region or sigmas change.

    Those of two regions are, such as of one that is sampled coarsely now and then.

    Parameters
    ----------
    image : array of float32, shape `(rows, columns, channels)`
        On the 0-255 scale.
    """

    def __init__(self, image: npt.NDArray[np.float32]) -> None:
        self._image = image
        self._kept: dict[Region, DenseCRF] = {}

    def marginals(
        self,
        region: Region,
        settings: CRFSettings,
        probabilities: npt.NDArray[np.float32],
        annotated: npt.NDArray[np.integer] | None,
        should_stop: Callable[[], bool] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return the marginals `(n_classes, rows, columns)` of the region's pixels.

        Parameters
        ----------
        region : Region
        settings : CRFSettings
            Radii are in pixels of the image; a sampled region gets them in its own.
        probabilities : array of float32, shape `(n_classes, rows, columns)`
            Of the sampled region.
        annotated : array of int, shape `(rows, columns)`, optional
            Class index of its pixels that stay; negative where they are free.
        should_stop : callable, optional
            Asked between iterations; true returns what there is.
        """
        sampled = replace(
            settings,
            gaussian_sigma_px=settings.gaussian_sigma_px / region.step,
            bilateral_sigma_px=settings.bilateral_sigma_px / region.step,
        )
        crf = self._kept.pop(region, None)
        if crf is None:
            crf = DenseCRF(self._image[region.slices], sampled)
        # The last one used is the last one to go.
        self._kept = dict([*self._kept.items(), (region, crf)][-_KEPT_REGIONS:])
        return crf.infer(probabilities, sampled, should_stop=should_stop, clamped=annotated)


class RegionRefiner:
    """The same for probabilities that stay as they are.

    Parameters
    ----------
    image : array of float32, shape `(rows, columns, channels)`
        On the 0-255 scale.
    probabilities : array of float32, shape `(n_classes, rows, columns)`
    annotated : array of int, shape `(rows, columns)`, optional
        Class index of pixels that stay; negative where they are free.
    """

    def __init__(
        self,
        image: npt.NDArray[np.float32],
        probabilities: npt.NDArray[np.float32],
        annotated: npt.NDArray[np.integer] | None,
    ) -> None:
        self._lattices = RegionLattices(image)
        self._probabilities = probabilities
        self._annotated = annotated

    def refine(
        self, region: Region, settings: CRFSettings, should_stop: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.intp]:
        """Return the most probable class of the region's pixels after the CRF.

        Parameters are those of `RegionLattices.marginals`.

        Returns
        -------
        array of int, shape of the sampled region
        """
        rows, columns = region.slices
        marginals = self._lattices.marginals(
            region,
            settings,
            self._probabilities[:, rows, columns],
            None if self._annotated is None else self._annotated[rows, columns],
            should_stop,
        )
        chosen: npt.NDArray[np.intp] = marginals.argmax(axis=0)
        return chosen


_GRID_PX = 32
_KEPT_REGIONS = 2


def _between(low: float, high: float, size: int) -> tuple[int, int]:
    first = max(0, int(low) // _GRID_PX * _GRID_PX)
    last = min(size, -(-int(np.ceil(high)) // _GRID_PX) * _GRID_PX)
    # A canvas that shows none of the image has its nearest strip instead of nothing.
    first = min(first, max(0, size - 1))
    return first, max(last, first + 1)

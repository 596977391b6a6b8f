"""Live plane: the features of one plane, and the CRF's lattices of it, that stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.live.region import Region, RegionLattices
from napari_fcn_crf.fcn.linear.columns import Columns
from napari_fcn_crf.fcn.linear.moments import Moments
from napari_fcn_crf.live.stroke_classifier import Solution, Strokes
from napari_fcn_crf.settings import CRFSettings

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """What a plane's strokes say of a region of it.

    Parameters
    ----------
    region : Region
    probabilities, marginals : array of float32, shape `(n_classes, rows, columns)`
        Before and after the CRF, at the pixels that the region is sampled at.
    """

    region: Region
    probabilities: Floats
    marginals: Floats


class LivePlane:
    """One plane that is segmented again and again.

    Parameters
    ----------
    image : array of float32, shape `(rows, columns, channels)`
        On the 0-255 scale.
    columns : Columns
    moments : Moments
        Of its features.
    """

    def __init__(self, image: Floats, columns: Columns, moments: Moments) -> None:
        self._lattices = RegionLattices(image)
        self._columns = columns
        self._moments = moments

    @property
    def whole(self) -> Region:
        """All of it, every pixel."""
        rows, columns = self._columns.shape
        return Region((0, rows), (0, columns), 1)

    @property
    def nbytes(self) -> int:
        """Bytes that the features take."""
        return self._columns.values.nbytes

    def strokes(self, indices: npt.NDArray[np.int32], chosen: npt.NDArray[np.bool_]) -> Strokes:
        """Return the features of its annotated pixels.

        Parameters
        ----------
        indices : array of int32, shape `(rows, columns)`
            Class index of each pixel.
        chosen : array of bool, same shape
            Which count.
        """
        return Strokes(self._columns.at(chosen), indices[chosen], self._moments)

    @property
    def moments(self) -> Moments:
        """Of its features."""
        return self._moments

    def features(self, where: Any) -> Floats:
        """Return the features `(n_pixels, n_features)` of the pixels that an index chooses."""
        return self._columns.at(where)

    def segment(
        self,
        solution: Solution,
        crf: CRFSettings,
        region: Region,
        annotated: npt.NDArray[np.int32] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Found:
        """Score a region's pixels and refine them.

        Parameters
        ----------
        solution : Solution
        crf : CRFSettings
        region : Region
        annotated : array of int32, shape `(rows, columns)`, optional
            Class index of pixels of the plane that stay as they are; negative where they are free.
        should_stop : callable, optional
            Asked between the CRF's iterations; true returns what there is.
        """
        probabilities = self._columns.probabilities(solution.of_features, region.slices)
        marginals = self._lattices.marginals(
            region,
            crf,
            probabilities,
            None if annotated is None else annotated[region.slices],
            should_stop,
        )
        return Found(region, probabilities, marginals)

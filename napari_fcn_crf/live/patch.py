"""Patch: a plane or a window of it, at full resolution or sampled, with features that stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.live.region import Region
from napari_fcn_crf.live.annotated import Annotated, Index
from napari_fcn_crf.live.live_plane import Found, LivePlane
from napari_fcn_crf.live.stroke_classifier import Solution
from napari_fcn_crf.progress import ShouldStop
from napari_fcn_crf.settings import CRFSettings

HALO_PX = 224
"""What the network looks at around a window; a multiple of 32, where its poolings begin."""

DRAFT_PX = 512 * 512
"""Of the sampled copy whose features come first where all of them take long."""

LONGEST_PX = 400_000
"""Planes and windows of more pixels are scored by a sampled copy at first."""


@dataclass(frozen=True)
class Place:
    """Which pixels of which picture.

    Parameters
    ----------
    picture : int
        Number of the picture.
    index : tuple of int
        Of the plane.
    region : Region
    """

    picture: int
    index: Index
    region: Region

    @property
    def is_draft(self) -> bool:
        """Whether it is sampled."""
        return self.region.step > 1

    def drafted(self) -> Place | None:
        """Return a sampled copy that comes sooner; None if all of it comes soon."""
        if self.region.pixels <= LONGEST_PX:
            return None
        factor = int(np.ceil(np.sqrt(self.region.pixels / DRAFT_PX)))
        return replace(self, region=self.region.coarser(factor))

    def around(self, shape: tuple[int, int]) -> tuple[Region, tuple[slice, slice]]:
        """Return what the network has to see of a plane, and where in that this place is."""
        low, high, inside = [], [], []
        step = self.region.step
        for (first, last), side in zip((self.region.rows, self.region.columns), shape, strict=True):
            start = first - min(HALO_PX, first // step) * step
            low.append(start)
            high.append(min(side, last + HALO_PX * step))
            begin = (first - start) // step
            inside.append(slice(begin, begin - (first - last) // step))
        whole = Region((low[0], high[0]), (low[1], high[1]), step)
        return whole, (inside[0], inside[1])


class Patch:
    """A place with its features.

    Parameters
    ----------
    place : Place
    plane : LivePlane
        Of its pixels alone.
    """

    def __init__(self, place: Place, plane: LivePlane) -> None:
        self.place = place
        self.plane = plane

    def holds(self, annotated: Annotated) -> npt.NDArray[np.bool_]:
        """Return which annotated pixels are among those that it has features of."""
        region, (rows, columns) = self.place.region, annotated.rows_and_columns
        inside = (rows >= region.rows[0]) & (rows < region.rows[1])
        inside &= (columns >= region.columns[0]) & (columns < region.columns[1])
        if region.step > 1:
            inside &= (rows - region.rows[0]) % region.step == 0
            inside &= (columns - region.columns[0]) % region.step == 0
        return inside

    def features(
        self, annotated: Annotated, which: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float32]:
        """Return the features `(n_pixels, n_features)` of annotated pixels that it holds."""
        rows, columns = self._inside(annotated, which)
        return self.plane.features((rows, columns))

    def clamps(
        self, annotated: Annotated | None, classes: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.int32] | None:
        """Return the class index of each of its pixels, -1 where nothing is annotated.

        Parameters
        ----------
        annotated : Annotated, optional
            Without, None is returned.
        classes : array of int, shape `(n_pixels,)`
            Index of the class of each.
        """
        if annotated is None:
            return None
        whole = self.plane.whole
        found = np.full((whole.rows[1], whole.columns[1]), -1, np.int32)
        which = self.holds(annotated)
        found[self._inside(annotated, which)] = classes[which]
        return found

    def segment(
        self,
        solution: Solution,
        crf: CRFSettings,
        region: Region | None,
        annotated: npt.NDArray[np.int32] | None,
        should_stop: ShouldStop | None,
    ) -> Found:
        """Score and refine a region of the plane, or all of this, as far as this is of it.

        Radii are in pixels of the plane.

        Returns
        -------
        Found
            With a region of the plane.
        """
        mine = self.place.region
        crf = replace(
            crf,
            gaussian_sigma_px=crf.gaussian_sigma_px / mine.step,
            bilateral_sigma_px=crf.bilateral_sigma_px / mine.step,
        )
        inner = self.plane.whole if region is None else self._within(region)
        found = self.plane.segment(solution, crf, inner, annotated, should_stop)
        return replace(found, region=self._of_plane(inner))

    def _inside(self, annotated: Annotated, which: npt.NDArray[np.bool_]) -> tuple[Any, Any]:
        region, (rows, columns) = self.place.region, annotated.rows_and_columns
        return (
            (rows[which] - region.rows[0]) // region.step,
            (columns[which] - region.columns[0]) // region.step,
        )

    def _within(self, region: Region) -> Region:
        mine, whole = self.place.region, self.plane.whole
        spans = []
        for (first, last), (start, _), (_, length) in zip(
            (region.rows, region.columns),
            (mine.rows, mine.columns),
            (whole.rows, whole.columns),
            strict=True,
        ):
            begin = min(max(0, (first - start) // mine.step), length - 1)
            spans.append((begin, min(length, max(begin + 1, -((start - last) // mine.step)))))
        return Region(spans[0], spans[1], max(1, region.step // mine.step))

    def _of_plane(self, inner: Region) -> Region:
        mine, spans = self.place.region, []
        for (first, last), (start, end) in zip(
            (inner.rows, inner.columns), (mine.rows, mine.columns), strict=True
        ):
            spans.append((start + first * mine.step, min(end, start + last * mine.step)))
        return Region(spans[0], spans[1], inner.step * mine.step)

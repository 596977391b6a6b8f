"""Memory of strokes: their features, and moments of planes, when those of the planes are gone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.linear.moments import Moments
from napari_fcn_crf.live.annotated import Index
from napari_fcn_crf.live.patch import Place

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.intp]

Plane = tuple[int, Index]
"""Number of a picture, and index of a plane of it."""


class StrokeMemory:
    """Features of annotated pixels at full resolution."""

    def __init__(self) -> None:
        self._features: dict[Plane, tuple[Positions, Floats]] = {}
        self._moments: dict[Place, Moments] = {}

    def remember(
        self, plane: Plane, positions: Positions, parts: list[tuple[Positions, Floats]]
    ) -> None:
        """Remember the features of what is annotated on a plane now, and of nothing else.

        Parameters
        ----------
        plane : tuple
        positions : array of int, shape `(n_pixels,)`
        parts : list of (array of int, array of float32)
            Which of them, and their features.
        """
        order = np.concatenate([at for at, _ in parts])
        sorting = np.argsort(order)
        features = np.concatenate([found for _, found in parts])[sorting]
        self._features[plane] = positions[order[sorting]], features

    def recall(self, plane: Plane, positions: Positions) -> tuple[Positions, Floats]:
        """Return which of some pixels of a plane are known, and their features."""
        known, features = self._features.get(
            plane, (np.zeros(0, np.intp), np.zeros((0, 0), np.float32))
        )
        found = np.flatnonzero(np.isin(positions, known))
        return found, features[np.searchsorted(known, positions[found])]

    def keep_moments(self, place: Place, moments: Moments) -> None:
        """Remember the moments of a place's features."""
        self._moments[place] = moments

    def moments(self, plane: Plane) -> Moments:
        """Return the moments of all places of a plane together."""
        return Moments.together(
            moments
            for place, moments in self._moments.items()
            if (place.picture, place.index) == plane
        )

    def forget(self, picture: int) -> None:
        """Forget what is of a picture."""
        for plane in [one for one in self._features if one[0] == picture]:
            del self._features[plane]
        for place in [one for one in self._moments if one.picture == picture]:
            del self._moments[place]

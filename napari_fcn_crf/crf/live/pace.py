"""Pace of the preview: how coarsely a moving slider is followed, so that a frame comes in time."""

from __future__ import annotations

import math

FRAME_S = 0.08
"""What a frame may take: with the delay before it, a tenth of a second after the slider moved."""

FEWEST_PX = 256 * 256
"""Frames of fewer pixels are no quicker: what they cost is not their pixels."""

_TYPICAL_S_PER_PX = 1e-7
# A frame that waited for the compiler says little about the next.
_LONGEST_S = 1.0


class Pace:
    """Chooses the sampling of a frame from how long the last ones took."""

    def __init__(self) -> None:
        self._seconds_per_px = _TYPICAL_S_PER_PX

    def coarser(self, pixels: int) -> int:
        """Return by what factor rows and columns are to be sampled more coarsely, from 1.

        Parameters
        ----------
        pixels : int
            Of a frame that is not.
        """
        factor = math.ceil(math.sqrt(pixels * self._seconds_per_px / FRAME_S))
        return max(1, min(factor, math.isqrt(pixels // FEWEST_PX)))

    def took(self, pixels: int, seconds: float) -> None:
        """Learn from a frame."""
        measured = min(seconds, _LONGEST_S) / pixels
        self._seconds_per_px += (measured - self._seconds_per_px) / 2

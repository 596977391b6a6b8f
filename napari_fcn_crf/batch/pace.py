"""Pace of a run: how long the rest will take, by what was done until now."""

from __future__ import annotations

import time

from napari_fcn_crf.progress import Progress


class Pace:
    """Tells how long the rest of some images takes, at the pace of those that are done.

    Parameters
    ----------
    count : int
        How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = 0.0
        self._began: float | None = None

    def begin(self) -> None:
        """Start the clock, unless it runs: what is loaded before counts for none of them."""
        if self._began is None:
            self._began = time.monotonic()

    def advance(self, done: float) -> None:
        """Note how many are done, parts of one included; never fewer than before."""
        self._done = max(self._done, done)

    @property
    def done(self) -> int:
        """How many are done."""
        return int(self._done)

    @property
    def seconds_left(self) -> float | None:
        """Until all are done; None before there is a pace."""
        if self._began is None or self._done <= 0:
            return None
        return (time.monotonic() - self._began) / self._done * (self._count - self._done)

    def progress(self, partial: object) -> Progress:
        """Return how far the run is, with what there is to tell of one image."""
        return Progress(
            "Segmenting",
            self.done,
            self._count,
            unit="images",
            partial=partial,
            seconds_left=self.seconds_left,
        )

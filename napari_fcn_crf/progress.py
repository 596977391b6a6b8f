"""What long work tells whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One step of a long piece of work.

    Parameters
    ----------
    phase : str
        What is being done, as shown to the user: "Training", "Predicting".
    current, total : int
        Steps done and steps in all; a total of 0 means that it is not known.
    loss : float, optional
        Training loss before this step.
    unit : str
        Of the steps, where it is not a count: "s".
    partial : object, optional
        A part of the result, to be shown while the rest is computed.
    validation_iou : tuple of float, optional
        IoU of each class where annotation was held out, after this step; NaN for a class of which
        none was.
    seconds_left : float, optional
        At the pace of the last steps.
    note : str
        A sentence for the user, to be told when the work is over.
    """

    phase: str
    current: int = 0
    total: int = 0
    loss: float | None = None
    unit: str = ""
    partial: Any = None
    validation_iou: tuple[float, ...] | None = None
    seconds_left: float | None = None
    note: str = ""

    def in_words(self) -> str:
        """Return what is being done, within a sentence: "predicting 3 of 12"."""
        of = f" {self.current} of {self.total}" if self.total > 1 else ""
        return f"{self.phase[:1].lower()}{self.phase[1:]}{of}"


OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


class Cancelled(Exception):
    """The caller's `should_stop` turned true before there was anything to return."""


def time_in_words(seconds: float) -> str:
    """Return a time as people say it: "0.4 s", "41 s", "12 min", "2 h 10 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def with_note(on_progress: OnProgress | None, note: str) -> OnProgress | None:
    """Tell a sentence with all progress that has none of its own."""
    if on_progress is None or not note:
        return on_progress
    return lambda progress: on_progress(replace(progress, note=progress.note or note))


def part_of(
    on_progress: OnProgress | None, done: int, n_parts: int
) -> Callable[[Progress], None] | None:
    """Report the progress within one of several parts as progress over all of them."""
    if on_progress is None or n_parts == 1:
        return on_progress

    def report(progress: Progress) -> None:
        current = done * progress.total + progress.current
        on_progress(replace(progress, current=current, total=n_parts * progress.total))

    return report


def slice_of(
    on_progress: OnProgress | None, done: int, n_slices: int
) -> Callable[[Progress], None] | None:
    """Report the iterations within one of several slices as the slices that are done."""
    if on_progress is None or n_slices == 1:
        return on_progress

    def report(progress: Progress) -> None:
        is_done = progress.current == progress.total
        phase = f"{progress.phase} (iteration {progress.current} of {progress.total})"
        on_progress(
            replace(progress, phase=phase, current=done + is_done, total=n_slices, unit="slices")
        )

    return report

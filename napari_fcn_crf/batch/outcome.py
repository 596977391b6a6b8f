"""Tasks of a batch, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.progress import Progress


@dataclass(frozen=True)
class Task:
    """What one process does without a pause.

    Parameters
    ----------
    item : Item
        An image, all of it.
    """

    item: Item


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Parameters
    ----------
    error : str
        A sentence if it failed, else empty.
    notes : tuple of str
        What a person should know of it.
    seconds : float
        That it took.
    """

    error: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


OnTaskProgress = Callable[[Task, Progress], None]

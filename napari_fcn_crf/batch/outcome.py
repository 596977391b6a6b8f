"""Tasks of a batch, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.progress import Progress

Step = Literal["all", "begin", "block", "end"]
"""Of a file, all is done in one go. A zarr folder is begun, done block by block, and ended."""


@dataclass(frozen=True)
class Task:
    """What one process does without a pause.

    Parameters
    ----------
    item : Item
    step : {"all", "begin", "block", "end"}
    block : int
        Number of the block, if it is one.
    """

    item: Item
    step: Step = "all"
    block: int = 0


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
    missing : tuple of int
        Of an image that was begun, the blocks that are to be done.
    """

    error: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    missing: tuple[int, ...] = ()


OnTaskProgress = Callable[[Task, Progress], None]

"""Blocks of one image that are done in the order of what somebody looks at, and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_fcn_crf.pipeline.blocks import Block, Place
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop


@dataclass(frozen=True)
class View:
    """What somebody looks at: the middle of a part of a plane.

    Parameters
    ----------
    index : tuple of int
        Of the plane.
    row, column : float
    """

    index: tuple[int, ...]
    row: float
    column: float


Look = Callable[[], View | None]
"""Returns what somebody looks at just now; None if that is no plane."""


@dataclass(frozen=True)
class Grown:
    """How far a result has come.

    Parameters
    ----------
    done, total : int
        Blocks.
    seconds : float
        That this took, since it was begun or gone on with.
    """

    done: int
    total: int
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.done == self.total


class UnfinishedBlocks:
    """Which blocks of an image are done, and which is next.

    Parameters
    ----------
    blocks : sequence of Block
        Squares, but for those at the ends.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self._done: set[int] = set()

    @property
    def done(self) -> frozenset[int]:
        """Numbers of those that are done."""
        return frozenset(self._done)

    @property
    def is_whole(self) -> bool:
        """Whether all are done."""
        return len(self._done) == len(self.blocks)

    def finish(self, block: Block) -> None:
        """Note that one is done."""
        self._done.add(block.number)

    def within(self, index: tuple[int, ...] | None) -> list[Block]:
        """Return the blocks of a plane, or all of them."""
        return [one for one in self.blocks if index is None or one.index == index]

    def next(self, candidates: Iterable[Block], view: View | None) -> Block | None:
        """Return the missing one that is nearest to what somebody looks at, or None."""
        missing = [one for one in candidates if one.number not in self._done]
        if view is None:
            return missing[0] if missing else None
        return min(missing, key=lambda block: _distance(block, view), default=None)

    def grow(
        self,
        index: tuple[int, ...] | None,
        look: Look,
        compute: Callable[[Block], None],
        phase: str,
        on_progress: OnProgress,
        should_stop: ShouldStop,
        is_there: Callable[[Block], bool] = lambda block: True,
    ) -> Grown:
        """Do what is missing of a plane, or of all; each block is told as a `partial`.

        Ends early, without an error, when it should stop: what is done stays.

        Parameters
        ----------
        index : tuple of int, optional
            Of the plane.
        look : callable
            What is nearest to what it returns comes first.
        compute : callable
            Does one block; raises `Cancelled` if it is not done.
        phase : str
        on_progress, should_stop : callable
        is_there : callable, optional
            Whether what a block is made of is there already; others are left out.
        """
        began = time.perf_counter()
        within = self.within(index)
        asked = [one for one in within if is_there(one)]
        before = sum(block.number in self._done for block in asked)
        while True:
            done = sum(block.number in self._done for block in asked)
            grown = Grown(done, len(within), time.perf_counter() - began)
            block = self.next(asked, look())
            if block is None or should_stop():
                return grown
            pace = grown.seconds / (done - before) if done > before else None
            left = None if pace is None else pace * (len(asked) - done)
            told = partial(Progress, phase, done, len(asked), unit="blocks", seconds_left=left)
            on_progress(told())
            try:
                compute(block)
            except Cancelled:
                return grown
            self.finish(block)
            on_progress(told(partial=block))

    def cover(self, index: tuple[int, ...], place: Place) -> bool:
        """Return whether all of a region of a plane is done."""
        return all(
            one.number in self._done
            for one in self.blocks
            if one.index == index and _overlap(one.place, place)
        )


def _distance(block: Block, view: View) -> tuple[Any, ...]:
    planes = [abs(a - b) for a, b in zip(block.index, view.index, strict=True)]
    beyond = [
        max(part.start - at, at - part.stop, 0.0)
        for part, at in zip(block.place, (view.row, view.column), strict=True)
    ]
    return max(planes, default=0), max(beyond), sum(beyond), block.number


def _overlap(one: Place, other: Place) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))

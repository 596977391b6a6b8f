"""Blocks of one image that are done in the order of what somebody looks at, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_fcn_crf.pipeline.blocks import Block, Place


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

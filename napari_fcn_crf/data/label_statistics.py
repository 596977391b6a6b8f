"""Label statistics: the pixels of each label, and what tells labels from other pictures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array, is_stack
from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.objects import is_border
from napari_fcn_crf.progress import Cancelled, ShouldStop

VOID = 255
"""What Pascal VOC and others draw around objects, to say that nobody knows."""

UNLABELLED = -1
"""What programs that know of negative labels give to pixels that nobody has labelled."""

_COUNTED_BELOW = 2**16
# Counting lets no other thread run: so many pixels take a millisecond or two.
_COUNTED_AT_ONCE = 2**20


@dataclass(frozen=True)
class LabelStatistics:
    """What is counted in one array of labels, or in several together.

    Parameters
    ----------
    values : dict
        Pixels of each label value, 0 among them, in ascending order of the values.
    n_planes, n_empty : int
        Planes, and those of stacks in which nothing is labelled.
    empty_px : int
        Pixels of the empty ones.
    n_pairs, n_unlike, n_steps : int
        Pixels with a neighbour to the right, those that it has another label than, and those that
        it has the next one of.
    void_ends, void_contacts : int
        Ends of rows of pixels labelled 255, and those at which another label than 0 begins.
    border_px : int, optional
        Pixels of objects beside another label; None if they were not counted.
    """

    values: dict[int, int]
    n_planes: int = 1
    n_empty: int = 0
    empty_px: int = 0
    n_pairs: int = 0
    n_unlike: int = 0
    n_steps: int = 0
    void_ends: int = 0
    void_contacts: int = 0
    border_px: int | None = None

    @property
    def annotatable(self) -> dict[int, int]:
        """`values` without the planes in which nothing is labelled."""
        counts = dict(self.values)
        if self.empty_px:
            counts[0] -= self.empty_px
            if not counts[0]:
                del counts[0]
        return counts

    def __add__(self, other: LabelStatistics) -> LabelStatistics:
        borders = [one.border_px for one in (self, other) if one.border_px is not None]
        return LabelStatistics(
            _added(self.values, other.values),
            self.n_planes + other.n_planes,
            self.n_empty + other.n_empty,
            self.empty_px + other.empty_px,
            self.n_pairs + other.n_pairs,
            self.n_unlike + other.n_unlike,
            self.n_steps + other.n_steps,
            self.void_ends + other.void_ends,
            self.void_contacts + other.void_contacts,
            sum(borders) if borders else None,
        )


def count_labels(
    labels: Any,
    should_stop: ShouldStop | None = None,
    *,
    borders: bool = False,
    ignore_label: int | None = None,
) -> LabelStatistics:
    """Count labels.

    Parameters
    ----------
    labels : array of int or bool
        A lazy one (dask, zarr) is computed one chunk at a time.
    should_stop : callable, optional
        Asked between blocks.
    borders : bool
        Count the borders of objects as well.
    ignore_label : int, optional
        Beside which there are no borders.

    Raises
    ------
    TypeError
        If the array's dtype is neither integer nor bool.
    Cancelled
        If `should_stop` turned true.
    """
    total = LabelStatistics({}, n_planes=0)
    is_labelled = np.zeros(labels.shape[:-2], bool)
    for place, found in _blocks(labels):
        if should_stop is not None and should_stop():
            raise Cancelled
        block = as_label_array(found)
        total += _of_block(block)
        is_labelled[place[:-2]] |= block.any(axis=(-2, -1)) if block.ndim > 1 else block.any()
    n_empty = int(np.count_nonzero(~is_labelled)) if is_stack(labels.shape) else 0
    return LabelStatistics(
        values=total.values,
        n_planes=is_labelled.size,
        n_empty=n_empty,
        empty_px=n_empty * int(np.prod(labels.shape[-2:])),
        n_pairs=total.n_pairs,
        n_unlike=total.n_unlike,
        n_steps=total.n_steps,
        void_ends=total.void_ends,
        void_contacts=total.void_contacts,
        border_px=_border_px(labels, ignore_label, should_stop) if borders else None,
    )


def count_values(labels: Any, should_stop: ShouldStop | None = None) -> dict[int, int]:
    """Return the pixels of each label value, as `count_labels` counts them."""
    return count_labels(labels, should_stop).values


def _of_block(block: npt.NDArray[np.integer]) -> LabelStatistics:
    values, counts = _value_counts(block)
    left, right = block[..., :-1], block[..., 1:]
    unlike = left != right
    void_ends = void_contacts = 0
    if VOID in values:
        beside = np.concatenate(
            [right[unlike & (left == VOID)], left[unlike & (right == VOID)]], axis=None
        )
        void_ends, void_contacts = beside.size, int(np.count_nonzero(beside))
    return LabelStatistics(
        dict(zip(values.tolist(), counts.tolist(), strict=True)),
        n_planes=0,
        n_pairs=unlike.size,
        n_unlike=int(np.count_nonzero(unlike)),
        # From the smaller one, so that it is right for types without a sign, too.
        n_steps=int(np.count_nonzero(np.maximum(left, right) - np.minimum(left, right) == 1)),
        void_ends=void_ends,
        void_contacts=void_contacts,
    )


def _border_px(labels: Any, ignore_label: int | None, should_stop: ShouldStop | None) -> int:
    # Plane by plane: at the edge of a block its neighbour is not there.
    total = 0
    for index in planes(labels.shape):
        if should_stop is not None and should_stop():
            raise Cancelled
        plane = as_label_array(labels[index])
        borders = is_border(plane, ignore_label)
        if ignore_label is not None:
            borders &= plane != ignore_label
        total += int(np.count_nonzero(borders))
    return total


def _added(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    total = dict(one)
    for value, count in other.items():
        total[value] = total.get(value, 0) + count
    return dict(sorted(total.items()))


def _blocks(array: Any) -> Iterator[tuple[tuple[slice, ...], Any]]:
    """Cut an array into what is read at once: a lazy one's chunks, or contiguous pixels."""
    chunks = getattr(array, "chunks", None)
    if chunks:
        steps = [step if isinstance(step, int) else max(step) for step in chunks]
    else:
        steps, left = [], _COUNTED_AT_ONCE
        for size in reversed(array.shape):
            steps.insert(0, max(1, min(size, left)))
            left //= steps[0]
    starts = (range(0, size, step) for size, step in zip(array.shape, steps, strict=True))
    for corner in itertools.product(*starts):
        place = tuple(slice(at, at + step) for at, step in zip(corner, steps, strict=True))
        yield place, array[place]


def _value_counts(
    array: npt.NDArray[np.integer],
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    if array.size and array.min() >= 0 and array.max() < _COUNTED_BELOW:
        # Counting beats sorting ten times, and people watch the counts while they paint.
        counts = np.bincount(array.ravel())
        values = np.flatnonzero(counts)
        return values, counts[values]
    return np.unique(array, return_counts=True)

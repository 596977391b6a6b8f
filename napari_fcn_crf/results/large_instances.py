"""Telling the objects of one class apart in images larger than memory: block by block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.results.instances import Grown, check_minimum, smallest

BLOCK_PX = {2: 2048, 3: 256}
MARGIN_PX = {2: 256, 3: 48}
"""By the number of axes: of a block's sides, and of what is seen around it."""

Place = tuple[slice, ...]
Inside = Callable[[Place], npt.NDArray[np.floating] | None]


def split_large(
    labels: Any,
    value: int,
    minimum_px: int | None = None,
    border: int | None = None,
    inside: Inside | None = None,
    *,
    out: Any = None,
    block_px: int | None = None,
    margin_px: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Any:
    """Number the objects of one class in an image of which only a block is in memory at a time.

    Parameters
    ----------
    labels : array of int, 2-D or 3-D
        Of dask, zarr or numpy; read region by region.
    value, minimum_px, border
        As of `split_instances`.
    inside : callable, optional
        Returns the probabilities of a region, which is given as slices, or None.
    out : array of int32, shape of `labels`, optional
        Zeros that can be written, and read again; one of numpy if not given.
    block_px, margin_px : int, optional
        Side of the blocks, and what is seen around them: at least what tells an object from those
        that it touches, some diameters.
    on_progress, should_stop : callable, optional

    Returns
    -------
    array
        `out`, with 0 elsewhere and 1 to n on the objects, as `split_instances` finds them in the
        whole, but for their numbers; with larger clumps than the margin it may differ where these
        are cut.

    Raises
    ------
    ValueError
        As of `split_instances`.
    Cancelled
        If `should_stop` turned true.

    Notes
    -----
    What is an object in two blocks is that of which both see more than half, of all that they see
    of either, where the second sees what the first has written.
    """
    check_minimum(minimum_px)
    split = BlockwiseSplit(labels, value, border, inside, block_px, margin_px)
    if out is None:
        out = np.zeros(tuple(labels.shape), np.int32)
    is_told = minimum_px is not None
    checked = counted(split.n_blocks * (1 if is_told else 2), on_progress, should_stop)
    if minimum_px is None:
        minimum_px = smallest_of(split.sizes(checked))
    if split.number(minimum_px, out, checked) is None:
        raise no_object(value)
    return out


def no_object(value: int) -> InputError:
    """Return what is said where no pixel is of the objects' class."""
    return InputError(f"No pixel has the label {value}. Choose the label of the objects.")


def counted(
    total: int, on_progress: OnProgress | None = None, should_stop: ShouldStop | None = None
) -> Callable[[], None]:
    """Return what is called before each of so many blocks: it tells which, and may stop the work.

    Raises
    ------
    Cancelled
        When it is called, if `should_stop` turned true.
    """
    done = itertools.count()

    def next_block() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled
        if on_progress is not None:
            on_progress(Progress("Splitting objects", next(done), total, unit="blocks"))

    return next_block


def smallest_of(sizes: Sequence[npt.NDArray[np.intp]]) -> int:
    """Return how small an object can be, which is told by the sizes of all that have grown."""
    together = np.concatenate([np.zeros(0, np.intp), *sizes])
    return int(np.ceil(smallest(together, None)))


@dataclass(frozen=True)
class BlockwiseSplit:
    """Labels of which a block is split at a time.

    Parameters
    ----------
    labels, value, border, inside, block_px, margin_px
        As of `split_large`.

    Raises
    ------
    ValueError
        If the labels have other than 2 or 3 axes.
    """

    labels: Any
    value: int
    border: int | None = None
    inside: Inside | None = None
    block_px: int | None = None
    margin_px: int | None = None

    def __post_init__(self) -> None:
        if len(self._shape) not in BLOCK_PX:
            raise InputError(
                f"Expected labels with 2 or 3 axes, but found {len(self._shape)}. Take a plane."
            )

    @property
    def n_blocks(self) -> int:
        """How many there are."""
        return len(self._cores())

    def sizes(self, next_block: Callable[[], None]) -> list[npt.NDArray[np.intp]]:
        """Return the sizes of all objects as they grow, each counted in one block."""
        return [
            objects.sizes[_begin_within(objects.instances, region, core)]
            for core, region, objects in self._grown(next_block)
        ]

    def number(
        self, minimum_px: int, out: Any, next_block: Callable[[], None], above: int = 0
    ) -> int | None:
        """Number the objects of at least a size.

        Parameters
        ----------
        minimum_px : int
        out : array of int
            Of zeros, in which the numbers are written.
        next_block : callable
            Called before each block.
        above : int
            The first object has the next number.

        Returns
        -------
        int or None
            The last object's number, `above` if there is none; None if no pixel is of the class.
        """
        last = 0
        is_found = False
        for core, region, objects in self._grown(next_block):
            is_found = True
            found = objects.at_least(minimum_px)
            numbers = _matched(found, np.asarray(out[region]), last)
            last = max(last, int(numbers.max(initial=0)))
            out[core] = numbers[found[_within(core, region)]]
        return _numbered(out, self._cores(), last, above) if is_found else None

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    def _cores(self) -> list[Place]:
        side = self.block_px or BLOCK_PX[len(self._shape)]
        return list(_cores(self._shape, side))

    def _grown(self, next_block: Callable[[], None]) -> Iterator[tuple[Place, Place, Grown]]:
        """Iterate over the blocks with pixels of the class: what is seen of them has grown."""
        margin = MARGIN_PX[len(self._shape)] if self.margin_px is None else self.margin_px
        for core in self._cores():
            next_block()
            region = _widened(core, margin, self._shape)
            found = as_label_array(np.asarray(self.labels[region]))
            if (found == self.value).any():
                inside = None if self.inside is None else self.inside(region)
                yield core, region, Grown.of(found, self.value, self.border, inside)


def _cores(shape: tuple[int, ...], side: int) -> Iterator[Place]:
    along = [
        [slice(start, min(length, start + side)) for start in range(0, length, side)]
        for length in shape
    ]
    yield from itertools.product(*along)


def _widened(core: Place, margin: int, shape: tuple[int, ...]) -> Place:
    return tuple(
        slice(max(0, part.start - margin), min(length, part.stop + margin))
        for part, length in zip(core, shape, strict=True)
    )


def _within(core: Place, region: Place) -> Place:
    return tuple(
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(core, region, strict=True)
    )


def _begin_within(
    instances: npt.NDArray[np.integer], region: Place, core: Place
) -> npt.NDArray[np.bool_]:
    """Return of which objects the first pixel is in the core: each is counted in one block."""
    numbers, first = np.unique(instances, return_index=True)
    at = np.unravel_index(first, instances.shape)
    begins = np.ones(len(numbers), bool)
    for places, part in zip(at, _within(core, region), strict=True):
        begins &= (places >= part.start) & (places < part.stop)
    found = np.zeros(int(instances.max()) + 1, bool)
    found[numbers] = begins
    return found[1:]


def _matched(
    found: npt.NDArray[np.integer], written: npt.NDArray[np.integer], last: int
) -> npt.NDArray[np.int32]:
    """Return the number of each object of a block: one that was written, or a new one."""
    n_found = int(found.max())
    numbers = np.arange(n_found + 1, dtype=np.int32) + last
    numbers[0] = 0
    both = (found > 0) & (written > 0)
    if not both.any():
        return numbers
    pairs, shared = np.unique(np.stack([found[both], written[both]]), axis=1, return_counts=True)
    # Where nothing is written yet, nothing is known of what was.
    here = np.bincount(found[both], minlength=n_found + 1)
    values, counts = np.unique(written[written > 0], return_counts=True)
    there = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for (one, other), common in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        if 2 * common > here[one] + there[other] - common:
            numbers[one] = other
    return numbers


def _numbered(out: Any, cores: list[Place], last: int, above: int) -> int:
    """Leave out the numbers that no pixel has, and return the last one."""
    is_used = np.zeros(last + 1, bool)
    for core in cores:
        is_used[np.unique(np.asarray(out[core]))] = True
    is_used[0] = False
    numbers = np.where(is_used, above + np.cumsum(is_used), 0).astype(np.int32)
    if int(is_used.sum()) < last or above:
        for core in cores:
            out[core] = numbers[np.asarray(out[core])]
    return int(numbers.max(initial=above))

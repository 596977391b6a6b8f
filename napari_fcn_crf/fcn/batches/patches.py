"""Patches: what surrounds the annotated pixels of a plane, all that training has to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patch_plan import Corner, Cut, cells_of, place_cuts
from napari_fcn_crf.fcn.batches.spots import margin_of, spot_size, spots_of
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX, padded_window
from napari_fcn_crf.fcn.layers.plane import Plane

WHOLE_PX = 1024**2
"""A plane of no more pixels, padded, is taken whole."""

WHOLE_AT_MOST_PX = 2 * WHOLE_PX
"""One of no more is, if its patches would have more pixels than that together."""

LARGEST_SIDE_PX = 1024
"""Of a patch."""

_EVERYWHERE = slice(None), slice(None)

Indices = npt.NDArray[np.int32]
Size = tuple[int, int]


@dataclass(frozen=True)
class Patches:
    """Windows of one size that together hold the annotated pixels of a plane and what is around.

    A plane that is not too large is one patch. Every annotated pixel counts in one patch alone: at
    all others `indices` and `held_out` have `IGNORE`.

    Parameters
    ----------
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        The plane.
    size : tuple of int
        Rows and columns of a patch, multiples of 32.
    corners : tuple of (int, int)
        First row and column of each in the plane, which is continued by reflection to multiples of
        32, and to the size of a patch if it is smaller; multiples of 32, where the poolings of the
        whole plane begin as well.
    indices : array of int32, shape `(n_patches, rows, columns)`
        Class index of each pixel, or `IGNORE`.
    held_out : array of int32, shape `(n_patches, rows, columns)`, optional
        The same, of pixels that nothing is learnt from.
    piled : tuple of int, optional
        Rows and columns of the patches that the plane is a pile of, one below the other.
    spot_cuts : tuple of Cut
        Patches without annotation that are spread over the plane: what surrounds strokes does not
        tell how bright, or how even, the whole plane is.
    cores : tuple of (slice, slice)
        The part of each patch that is a fair sample, in the plane, where these are such spots.

    Notes
    -----
    Around what counts there is as much of the plane as the network looks at, or the plane's own
    border: a prediction there is that of the whole plane.
    """

    image: Plane
    size: Size
    corners: tuple[Corner, ...]
    indices: Indices
    held_out: Indices | None = None
    piled: Size | None = None
    spot_cuts: tuple[Cut, ...] = ()
    cores: tuple[tuple[slice, slice], ...] = ()

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def is_whole(self) -> bool:
        """Whether it is the plane as a whole."""
        return self.piled is None and all(
            side >= length for side, length in zip(self.size, self._padded, strict=True)
        )

    @property
    def is_typical(self) -> bool:
        """Whether its pixels are a fair sample of the plane's, and not those around strokes."""
        return self.is_whole or not (self.indices.size or self.spot_cuts)

    @property
    def spots(self) -> Patches:
        """Patches that are a fair sample of the plane."""
        size = spot_size(self.size)
        none = np.zeros((0, *size), np.int32)
        corners = tuple(cut.corner for cut in self.spot_cuts)
        cores = tuple(cut.core for cut in self.spot_cuts)
        if self.piled is not None:
            return Patches(self.image, size, corners, none, piled=size)
        return Patches(self.image, size, corners, none, cores=cores)

    @property
    def px(self) -> int:
        """Pixels of all patches."""
        return len(self) * self.size[0] * self.size[1]

    def pixels(self, patch: int) -> npt.NDArray[np.float32]:
        """Return one patch's pixels `(rows, columns, channels)` on the 0-255 scale."""
        if self.piled is not None:
            cut = padded_window(self.image, (0, 0), self.corners[patch], self.piled)
            return _grown(cut, self.size, mode="reflect")
        return padded_window(self.image, self._before, self.corners[patch], self.size)

    def typical(self, patch: int) -> tuple[slice, slice]:
        """Return the part of a patch whose features may stand for those of the plane.

        Where it is not the whole plane, its outermost pixels miss what is beyond them.
        """
        if self.cores:
            first = self.corners[patch]
            along = zip(self.cores[patch], first, strict=True)
            rows, columns = (slice(core.start - at, core.stop - at) for core, at in along)
            return rows, columns
        margins = (0, 0) if self.is_whole else map(margin_of, self.size)
        rows, columns = (
            slice(margin, side - margin) for side, margin in zip(self.size, margins, strict=True)
        )
        return rows, columns

    def typical_within(self, patch: int) -> tuple[slice, slice]:
        """Return `typical` without the continuation of the plane."""
        typical = self.typical(patch)
        if self.piled is not None:
            return typical
        along = zip(typical, self.corners[patch], self._before, self.image.shape, strict=False)
        rows, columns = (
            slice(max(part.start, before - at), min(part.stop, before + length - at))
            for part, at, before, length in along
        )
        return rows, columns

    def groups(self, most_px: int) -> Iterator[Patches]:
        """Iterate over parts with no more pixels each, if that is not less than one patch has.

        Neighbours are dealt to different groups, so that each is likely to have every class.
        """
        at_once = max(1, most_px // (self.size[0] * self.size[1]))
        n_groups = -(-len(self) // at_once)
        order = np.argsort([_first_class(indices) for indices in self.indices], kind="stable")
        for first in range(n_groups):
            chosen = order[first::n_groups] if n_groups > 1 else np.arange(len(self))
            yield replace(
                self,
                corners=tuple(self.corners[patch] for patch in chosen),
                indices=self.indices if n_groups == 1 else self.indices[chosen],
                held_out=(
                    self.held_out
                    if n_groups == 1 or self.held_out is None
                    else self.held_out[chosen]
                ),
            )

    @property
    def _padded(self) -> Size:
        return _padded_size(self.image.shape, self.size)

    @property
    def _before(self) -> Size:
        rows, columns = (
            (padded - length) // 2
            for padded, length in zip(self._padded, self.image.shape, strict=False)
        )
        return rows, columns


def whole(example: Example, size: Size = (0, 0)) -> Patches:
    """Return an example as one patch of at least this size."""
    padded = _padded_size(example.image.shape, size)
    cut = Cut((0, 0), (slice(0, padded[0]), slice(0, padded[1])))
    return _cut(example, padded, [cut])


def around_strokes(
    examples: list[Example], halo_px: int, *, one_size: bool = False
) -> list[Patches]:
    """Return the patches of each example.

    Parameters
    ----------
    examples : list of Example
    halo_px : int
        What a patch needs around its annotated pixels, a multiple of 32.
    one_size : bool
        Give all patches one size.
    """
    halo = halo_px // STRIDE_PX
    sizes = [_best_size(example, halo) for example in examples]
    if one_size:
        rows, columns = (max(sides) for sides in zip(*sizes, strict=True))
        sizes = [(rows, columns)] * len(sizes)
    return [_with_size(*pair, halo) for pair in zip(examples, sizes, strict=True)]


def _best_size(example: Example, halo: int) -> Size:
    """Return the size of patches with the fewest pixels in all, or the whole plane's."""
    if example.patch_rows:
        return example.patch_rows, example.image.shape[1]
    padded = _padded_size(example.image.shape)
    area = padded[0] * padded[1]
    if area <= WHOLE_PX:
        return padded
    cells = _annotated_cells(example, padded)
    sizes = []
    for side in range(1, max(2, LARGEST_SIDE_PX // STRIDE_PX - 2 * halo + 1)):
        cuts = place_cuts(cells, (side, side), halo)
        rows, columns = (min((side + 2 * halo) * STRIDE_PX, length) for length in padded)
        sizes.append((len(cuts) * rows * columns, (rows, columns)))
    cost, size = min(sizes)
    return padded if cost >= area and area <= WHOLE_AT_MOST_PX else size


def _with_size(example: Example, size: Size, halo: int) -> Patches:
    if example.patch_rows:
        return _unpiled(example, size)
    padded = _padded_size(example.image.shape, size)
    if padded == size:
        return whole(example, size)
    cells = _annotated_cells(example, padded)
    sides = [
        side // STRIDE_PX - (2 * halo if side < length else 0)
        for side, length in zip(size, padded, strict=True)
    ]
    cuts = place_cuts(cells, (max(1, sides[0]), max(1, sides[1])), halo)
    return _cut(example, size, cuts)


def _unpiled(example: Example, size: Size) -> Patches:
    piled = example.patch_rows, example.image.shape[1]
    n_patches = example.image.shape[0] // piled[0]
    indices, held_out = (
        None
        if plane is None
        else np.stack(
            [
                _grown(patch, size, mode="constant", constant_values=IGNORE)
                for patch in plane.reshape(n_patches, *piled)
            ]
        )
        for plane in (example.indices, example.held_out)
    )
    assert indices is not None
    # The others are spots.
    annotated = (indices != IGNORE).any(axis=(1, 2))
    if held_out is not None:
        annotated |= (held_out != IGNORE).any(axis=(1, 2))
    corners = [(patch * piled[0], 0) for patch in range(n_patches)]
    return Patches(
        example.image,
        size,
        tuple(compress(corners, annotated)),
        indices[annotated],
        None if held_out is None else held_out[annotated],
        piled,
        tuple(Cut(corner, _EVERYWHERE) for corner in compress(corners, ~annotated)),
    )


def _grown(array: npt.NDArray[Any], size: Size, **how: Any) -> npt.NDArray[Any]:
    """Return rows and columns continued at their ends."""
    margins = [(0, side - length) for side, length in zip(size, array.shape, strict=False)]
    if not np.any(margins):
        return array
    return np.pad(array, (*margins, *((0, 0),) * (array.ndim - 2)), **how)


def _cut(example: Example, size: Size, cuts: list[Cut]) -> Patches:
    padded = _padded_size(example.image.shape, size)
    indices, held_out = (
        None if plane is None else _planes_of(plane, padded, size, cuts)
        for plane in (example.indices, example.held_out)
    )
    assert indices is not None
    corners = tuple(cut.corner for cut in cuts)
    spots = () if size == padded else spots_of(padded, size)
    return Patches(example.image, size, corners, indices, held_out, spot_cuts=spots)


def _planes_of(plane: Indices, padded: Size, size: Size, cuts: list[Cut]) -> Indices:
    """Return what counts in each patch."""
    before = [(side - length) // 2 for side, length in zip(padded, plane.shape, strict=True)]
    found = np.full((len(cuts), *size), IGNORE, np.int32)
    for patch, cut in zip(found, cuts, strict=True):
        source, target = [], []
        for part, first, start, length in zip(
            cut.core, cut.corner, before, plane.shape, strict=True
        ):
            low, high = max(part.start, start), min(part.stop, start + length)
            source.append(slice(low - start, high - start))
            target.append(slice(low - first, high - first))
        patch[tuple(target)] = plane[tuple(source)]
    return found


def _annotated_cells(example: Example, padded: Size) -> npt.NDArray[np.bool_]:
    cells = cells_of(example.indices, padded)
    return cells if example.held_out is None else cells | cells_of(example.held_out, padded)


def _padded_size(shape: tuple[int, ...], least: Size = (0, 0)) -> Size:
    rows, columns = (
        max(-(-length // STRIDE_PX) * STRIDE_PX, side)
        for length, side in zip(shape, least, strict=False)
    )
    return rows, columns


def _first_class(indices: Indices) -> int:
    annotated = indices[indices != IGNORE]
    return int(annotated[0]) if annotated.size else IGNORE

"""Permutohedral lattice: Gaussian filtering of high-dimensional features in linear time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf._kernels import filtering as filters
from napari_fcn_crf.crf._kernels import lattice_building as kernels
from napari_fcn_crf.crf._kernels import vertices as vertex_kernels
from napari_fcn_crf.crf.features import Features
from napari_fcn_crf.threads import Check, in_threads

Floats = npt.NDArray[np.float32]
WorkSpace = tuple[Floats, Floats]
Boxes = npt.NDArray[np.int64]
Row = tuple[int, ...]
Neighbours = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]

# The larger a tile, the fewer slots there are, and the fewer tiles for threads to share.
_TILE_PIXELS = 32768
_SMALLEST_TILE_PIXELS = 16384
_FEWEST_TILES = 16
_LONGEST_KEY = 2**63
# Slots of all tiles are numbered with 32 bits.
_MOST_SLOTS_IN_ALL = 2**31 - 1
# Below this many sums, waking other threads takes longer than they would save.
_WORTH_THREADS = 1 << 19
_SHORTEST_RANGE = 4096
_FEWEST_BLOCKS = 32
# No more channels are blurred at a time: vertices' values would leave the cache, and take as much
# memory as the slots'.
_WIDEST_PIECE = 12


class CrowdedTileError(Exception):
    """A tile has more slots than there are numbers for; smaller tiles are needed."""


class PermutohedralLattice:
    """Filters values at the pixels of an image by a Gaussian of unit variance over their features.

    Parameters
    ----------
    make_features : callable
        Called once for the features; nobody else should keep them, because they take much memory.
    boxes : int array, shape (tiles, 6), optional
        The tiles, see `tile_boxes`; lattices that are used together share them.
    threads : int
        How many threads build and blur; has no influence on results.
    check : callable, optional
        Called again and again while it is built; raises to end that.

    Raises
    ------
    CrowdedTileError
        If some tile has more than 65536 slots.
    ValueError
        If all tiles together have more than 2^31 - 1.

    Notes
    -----
    The filter approximates v'_i = Σ_j k(f_i, f_j) v_j with k(f, g) = exp(-|f - g|² / 2): features
    are elevated to the hyperplane x·1 = 0 of d + 1 dimensions, every value is *splatted* to the
    d + 1 vertices of the simplex around it with barycentric weights, the vertices are *blurred*
    with (1/2, 1, 1/2) along each of the d + 1 axes, and values are *sliced* back with the same
    weights. The sum includes j = i.

    The filter is normalised symmetrically, as Krähenbühl and Koltun do (2013): v'_i =
    n_i Σ_j k(f_i, f_j) n_j v_j with n_i = (Σ_j k(f_i, f_j))^-½. `weights` are the barycentric ones
    times n_i, so that splatting and slicing by them normalise.

    References
    ----------
    Adams, Baek and Davis, "Fast high-dimensional filtering using the permutohedral lattice",
    Computer Graphics Forum 29(2), 2010, https://doi.org/10.1111/j.1467-8659.2009.01645.x

    Krähenbühl and Koltun, "Parameter learning and convergent inference for dense random fields",
    ICML 2013, https://proceedings.mlr.press/v28/kraehenbuehl13.html
    """

    def __init__(
        self,
        make_features: Callable[[], Features],
        boxes: Boxes | None = None,
        threads: int = 1,
        check: Check | None = None,
    ) -> None:
        features = make_features()
        if check is not None:
            check()
        shape, d = features.image.shape[:3], features.dimensions
        self._threads = threads
        self.boxes = boxes = tile_boxes(shape, d + 1) if boxes is None else boxes
        self.corners = (0,) * (d + 1)
        self.slots = np.empty((*shape, d + 1), np.uint16)
        self.weights = np.empty((*shape, d + 1), np.float32)
        multipliers = key_multipliers(*features.bounds())
        given = features.axes, features.image, features.sigmas, elevation_scale(d), multipliers
        counts = np.zeros(len(boxes), np.int64)
        arguments = (*given, boxes, self.slots, self.weights, counts, self.corners)
        found = in_threads(kernels.number_vertices, arguments, len(boxes), threads, check=check)
        if counts.max() > kernels.MOST_SLOTS:
            raise CrowdedTileError
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        if self.starts[-1] > _MOST_SLOTS_IN_ALL - len(self.corners):
            raise ValueError(
                "With radii this wide the image cannot be refined in parts, and as a whole it has "
                "too many pixels. Choose smaller radii, or refine a region of it."
            )
        if math.prod(shape) % 4:
            found.append(_keys_of_zero(multipliers))
        keys = np.concatenate(found)
        if check is not None:
            check()
        # What is done with goes at once, for what comes next takes the most memory.
        del arguments, given, features, found
        keys, self.grouped, self.group_starts = vertex_kernels.group_slots(keys)
        self.vertices = keys.size
        self.neighbours = _neighbours(keys, multipliers, threads)
        del keys
        ones = np.empty(self.grouped.size, np.float32)
        splatted = self.slots, self.weights, boxes, self.starts, ones
        in_threads(filters.splat_ones, splatted, len(boxes), threads, check=check)
        self.blur(ones, self.work_space((0,)), (0,))
        in_threads(filters.normalise, splatted, len(boxes), threads, check=check)

    def work_space(self, row: Row) -> WorkSpace:
        """Return the memory that `blur` works in, for rows of so many channels.

        It is zero behind the last vertex, where those are that do not exist.
        """
        length = len(_piece(row))
        size = (self.vertices + 1) * length
        values, blurred = np.empty(size, np.float32), np.empty(size, np.float32)
        values[-length:] = blurred[-length:] = 0
        return values, blurred

    def blur(self, sums: Floats, work_space: WorkSpace, row: Row) -> None:
        """Replace the slots' sums by the blurred ones, in place: (1/2, 1, 1/2) along each axis.

        Parameters
        ----------
        sums : float32 array, shape (grouped.size * len(row),)
            Of the slots, the tiles' first.
        work_space : two float32 arrays
            Of `work_space`, which can be used again.
        row : tuple
            As long as the rows of channels.
        """
        values, blurred = work_space
        # Of vertices without pixels.
        sums[self.starts[-1] * len(row) :] = 0
        length = _piece(row)
        pieces = len(row) // len(length)
        is_large = self.vertices * len(self.corners) * len(length) >= _WORTH_THREADS
        threads = self._threads if is_large else 1
        groups = self.group_starts, self.grouped
        for piece in range(pieces):
            taken = sums, *groups, values, pieces, piece, length
            in_threads(filters.gather, taken, self.vertices, threads, _SHORTEST_RANGE)
            for blocks, offsets in self.neighbours:
                arguments = blocks, offsets, values, blurred, length
                in_threads(filters.blur_axis, arguments, len(blocks) - 1, threads, _FEWEST_BLOCKS)
                values, blurred = blurred, values
            given = values, *groups, sums, pieces, piece, length
            in_threads(filters.scatter, given, self.vertices, threads, _SHORTEST_RANGE)


def _piece(row: Row) -> Row:
    """Return the longest part of a row of which a whole number make it up."""
    pieces = -(-len(row) // _WIDEST_PIECE)
    while len(row) % pieces:
        pieces += 1
    return row[: len(row) // pieces]


def _neighbours(
    keys: npt.NDArray[np.int64], multipliers: npt.NDArray[np.int64], threads: int
) -> list[Neighbours]:
    """Return the blocks and offsets of the vertices' neighbours along each axis of the blur."""
    steps = multipliers[:-1] * (multipliers.size - 1) - multipliers[-1]

    def find(begin: int, end: int) -> list[Neighbours]:
        found = []
        for step in steps[begin:end]:
            offsets = np.empty((keys.size, 2), np.uint8)
            found.append((vertex_kernels.find_neighbours(keys, step, offsets), offsets))
        return found

    return [pair for pairs in in_threads(find, (), steps.size, threads) for pair in pairs]


def elevation_scale(d: int) -> Floats:
    """Return the diagonal that makes the blur's variance one in features (p. 5 and 6)."""
    axis = np.arange(d)
    # Rounded in between as the reference does: points on a border fall to the same side.
    deviation = np.float64(np.float32(math.sqrt(2 / 3) * (d + 1)))
    return np.asarray(1 / np.sqrt((axis + 2) * (axis + 1)) * deviation, np.float32)


def tile_boxes(shape: tuple[int, ...], corners: int | None = None) -> Boxes:
    """Cut an image (planes, rows, columns) into boxes of nearly one size.

    Parameters
    ----------
    shape : tuple of int
    corners : int, optional
        How many slots a pixel may have of its own. Given, boxes are so small that none is ever
        crowded; otherwise of the size that is fastest where pixels share slots, as they mostly do.

    Returns
    -------
    int64 array, shape (tiles, 6)
        First and last + 1 plane, row and column of each, in raster order.
    """
    pixels = min(_TILE_PIXELS, max(_SMALLEST_TILE_PIXELS, math.prod(shape) // _FEWEST_TILES))
    if corners is not None:
        pixels = max(1, kernels.MOST_SLOTS // corners)
    columns = min(shape[2], 1 << (pixels.bit_length() // 2))
    rows = min(shape[1], pixels // columns)
    planes = min(shape[0], pixels // (rows * columns))
    cuts = []
    for length, side in zip(shape, (planes, rows, columns), strict=True):
        count = -(-length // side)
        edges = np.arange(count + 1) * length // count
        cuts.append(np.stack([edges[:-1], edges[1:]], axis=1))
    grids = np.meshgrid(*(np.arange(len(cut)) for cut in cuts), indexing="ij")
    boxes = [cut[grid.ravel()] for cut, grid in zip(cuts, grids, strict=True)]
    return np.concatenate(boxes, axis=1).astype(np.int64)


def key_multipliers(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return multipliers m that make Σ_i c_i m_i a key of the vertex with coordinates c.

    Parameters
    ----------
    low, high : float arrays, length d
        Bounds of the features; 0 is taken for one of them in any case.

    Returns
    -------
    int64 array, length d + 2
        m_0 to m_(d-1), then 0 for the last coordinate, which follows from the others, then Σ m.

    Notes
    -----
    A vertex of remainder r has c_i = (d + 1) y_i + r. With y_i in a range of W_i integers, W_i a
    multiple of d + 1, and m_i = W_0 ... W_(i-1), the key is (d + 1) Σ y_i m_i + r Σ m_i, and since
    Σ m_i = 1 modulo d + 1, it gives back r and then all y: no two vertices share a key as long as
    (d + 1) W_0 ... W_(d-1) fits 64 bits. If it does not, m are fixed random odd numbers: then
    any two of M vertices share a key with a chance below M² / 2^63, one in 10^5 for ten million.
    """
    d = low.size
    size = d + 1
    scale = elevation_scale(d).astype(np.float64)
    widths = (np.maximum(high, 0) - np.minimum(low, 0)) * scale
    product, multipliers = 1, []
    for i in range(d):
        # Coordinate i: - i times scaled feature i - 1, plus all scaled features from i on.
        extent = widths[i:].sum() + (i * widths[i - 1] if i else 0.0)
        multipliers.append(product)
        # Rounding, bringing back to the plane, remainders and the blur's steps reach further.
        product *= size * math.ceil((extent / size + 8) / size)
    if size * product > _LONGEST_KEY:
        generator = np.random.default_rng(20111212)
        multipliers = [int(m) | 1 for m in generator.integers(2**62, size=d)]
    total = sum(multipliers) % 2**64
    signed = total - 2**64 if total >= 2**63 else total
    return np.array([*multipliers, 0, signed], np.int64)


def _keys_of_zero(multipliers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the keys of the d + 1 vertices around the feature vector zero.

    The reference fills up its last block of four pixels with such vectors. Their vertices hold
    nothing of their own, but blurring takes steps over them, and near them that shows.
    """
    coordinates, total = multipliers[:-1], multipliers[-1]
    size = coordinates.size
    drops = np.concatenate([[0], np.cumsum(coordinates[::-1])[:-1]])
    return np.asarray(np.arange(size) * total - size * drops, np.int64)

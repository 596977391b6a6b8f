"""The place of a picture's pixels in the world, and whether two pictures have the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError

SAME_WITHIN_PX = 0.1
"""Two pictures lie in the same place if no pixel of one is farther from that of the other."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the pixels of a picture lie.

    Parameters
    ----------
    matrix : array of float64, shape `(n + 1, n + 1)`
        Homogeneous affine transform from an index along the n axes to the world.
    units : tuple of str, one an axis of the world
        Of its coordinates, "pixel" where nobody said. Lengths are in one unit, "meter", so that two
        places can be compared.
    said_in : tuple of float, one an axis, optional
        The units that coordinates were given in, in those above: 1e-6 for micrometres; 1 if they
        were given in these.
    """

    matrix: npt.NDArray[np.float64]
    units: tuple[str, ...]
    said_in: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.said_in:
            object.__setattr__(self, "said_in", (1.0,) * len(self.units))

    @classmethod
    def of_pixels(cls, n_axes: int, spacing: Sequence[float] | None = None) -> Place:
        """Return the place of pixels of a size, the first one at the origin."""
        return cls(np.diag([*(spacing or (1.0,) * n_axes), 1.0]), ("pixel",) * n_axes)

    @property
    def n_axes(self) -> int:
        """Number of axes."""
        return len(self.units)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel along each axis, in the world's unit."""
        return tuple(map(float, np.linalg.norm(self.matrix[:-1, :-1], axis=0)))

    def to_world(self, index: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the world coordinates `(..., n)` of indices `(..., n)`."""
        points = np.asarray(index, np.float64)
        world: npt.NDArray[np.float64] = points @ self.matrix[:-1, :-1].T + self.matrix[:-1, -1]
        return world

    def to_index(self, world: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the indices `(..., n)`, with fractions, of world coordinates `(..., n)`."""
        offset: npt.NDArray[np.float64] = np.asarray(world, np.float64) - self.matrix[:-1, -1]
        index: npt.NDArray[np.float64] = offset @ np.linalg.inv(self.matrix[:-1, :-1]).T
        return index

    def last(self, n_axes: int) -> Place:
        """Return the place along the last axes alone."""
        rows = [*range(self.n_axes - n_axes, self.n_axes), self.n_axes]
        first = self.n_axes - n_axes
        return Place(self.matrix[np.ix_(rows, rows)], self.units[first:], self.said_in[first:])

    def without(self, axis: int) -> Place:
        """Return the place along the other axes."""
        keep = [at for at in range(self.n_axes + 1) if at != axis]
        units = self.units[:axis] + self.units[axis + 1 :]
        said_in = self.said_in[:axis] + self.said_in[axis + 1 :]
        return Place(self.matrix[np.ix_(keep, keep)], units, said_in)

    def in_order(self, order: Sequence[int]) -> Place:
        """Return the place along the same axes in another order."""
        rows = [*order, self.n_axes]
        return Place(
            self.matrix[np.ix_(rows, rows)],
            tuple(self.units[axis] for axis in order),
            tuple(self.said_in[axis] for axis in order),
        )

    def distance_px(self, other: Place, shape: Sequence[int]) -> float:
        """Return how far pixels of the same index lie apart at most, in pixels of this place.

        Parameters
        ----------
        other : Place
            With as many axes.
        shape : sequence of int
            Of the picture.

        Raises
        ------
        ValueError
            If one is in units of length and the other in something else.
        """
        ours, theirs = self.matrix.copy(), other.matrix.copy()
        for axis, pair in enumerate(zip(self.units, other.units, strict=True)):
            if pair[0] == pair[1]:
                continue
            if "pixel" not in pair:
                raise InputError(
                    f"units {' and '.join(dict.fromkeys(self.units))} against "
                    f"{' and '.join(dict.fromkeys(other.units))}"
                )
            # Where one has no unit, the same numbers are the same place, as on the screen.
            ours[axis] /= self.said_in[axis]
            theirs[axis] /= other.said_in[axis]
        corners = np.array(list(itertools.product(*((0, size - 1) for size in shape))), float)
        one, two = Place(ours, self.units), Place(theirs, other.units)
        moved = one.to_index(two.to_world(corners)) - corners
        return float(np.abs(moved).max(initial=0))

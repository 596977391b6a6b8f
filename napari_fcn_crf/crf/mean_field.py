"""Mean-field inference: marginals that agree with the unary and with pixels near and alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf._kernels import mean_field_steps as kernels
from napari_fcn_crf.crf._kernels.rows import lanes
from napari_fcn_crf.crf.lattice import Boxes, PermutohedralLattice
from napari_fcn_crf.threads import Check, in_threads

Floats = npt.NDArray[np.float32]
OnIteration = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def mean_field(
    odds: Floats,
    classes: int,
    boxes: Boxes,
    smoothness: tuple[PermutohedralLattice | None, float],
    appearance: tuple[PermutohedralLattice | None, float],
    iterations: int,
    *,
    threads: int = 1,
    on_iteration: OnIteration | None = None,
    should_stop: ShouldStop | None = None,
    check: Check | None = None,
) -> Floats:
    """Return the marginals after some iterations, shape (classes, planes, rows, columns).

    Parameters
    ----------
    odds : float32 array, shape (planes, rows, columns, length)
        log p_c - log p_last, as `unary.log_odds` returns them.
    classes : int
    boxes : int64 array, shape (tiles, 6)
        The lattices' tiles.
    smoothness, appearance : (lattice, weight)
        The kernels and their weights; None, or a weight of 0, leaves one out.
    iterations : int
        At least 1.
    threads : int
        Has no influence on results.
    on_iteration : callable, optional
        Called with the iterations done and in all.
    should_stop : callable, optional
        Asked before each iteration but the first; when it returns True, that iteration is the last.
    check : callable, optional
        Called again and again in each iteration; raises to end the work.

    Notes
    -----
    Iteration t + 1 sets, at every pixel i and for every class c,

        q_i(c) ∝ exp(log p_i(c) + Σ_k w_k n_i Σ_j k_k(f_i, f_j) n_j q_j(c))

    from the marginals of iteration t, starting at q = p (Krähenbühl and Koltun 2011, algorithm 1;
    with Potts' penalties, 1 for labels that differ; normalised symmetrically as in their 2013
    paper; the sums include j = i, as in their code). All that is filtered is q_j(c) - q_j(last):
    the filter is linear, and the differences of the exponents are all the softmax needs. Two
    classes cost one filter.

    References
    ----------
    Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge
    potentials", NIPS 2011, https://doi.org/10.48550/arXiv.1210.5644
    """
    pairs = (smoothness, appearance)
    lattices = [lattice if weight else None for lattice, weight in pairs]
    row = lanes(odds.shape[3])
    length = len(row)
    sums = tuple(
        np.empty(lattice.grouped.size * length if lattice else 0, np.float32)
        for lattice in lattices
    )
    used = [(lattice, values) for lattice, values in zip(lattices, sums, strict=True) if lattice]
    work_spaces = [lattice.work_space(row) for lattice, _ in used]
    kernel_arguments = [
        _kernel_arguments(lattice, weight, len(boxes))
        for lattice, (_, weight) in zip(lattices, pairs, strict=True)
    ]
    given = odds, boxes, *kernel_arguments, sums
    marginals = np.empty((classes, 0, 0, 0), np.float32)

    def update(receive: bool, last: bool) -> None:
        arguments = (*given, receive, last, marginals, row)
        in_threads(kernels.update, arguments, len(boxes), threads, check=check)

    def blur() -> None:
        for (lattice, values), work_space in zip(used, work_spaces, strict=True):
            lattice.blur(values, work_space, row)

    update(receive=False, last=False)
    for iteration in range(1, iterations + 1):
        blur()
        stopped = iteration > 1 and should_stop is not None and should_stop()
        last = stopped or iteration == iterations
        if last:
            # The marginals take the memory.
            work_spaces.clear()
            marginals = np.empty((classes, *odds.shape[:3]), np.float32)
        update(receive=True, last=last)
        if on_iteration is not None:
            on_iteration(iteration, iterations)
        if last:
            break
    return marginals


def _kernel_arguments(
    lattice: PermutohedralLattice | None, weight: float, tiles: int
) -> tuple[Any, ...]:
    if lattice is not None:
        return lattice.slots, lattice.weights, lattice.starts, lattice.corners, np.float32(weight)
    return (
        np.empty((0, 0, 0, 0), np.uint16),
        np.empty((0, 0, 0, 0), np.float32),
        np.zeros(tiles + 1, np.int64),
        (0,),
        np.float32(0),
    )

"""Kernels of the mean field: log-odds of the unary, and one whole iteration in one pass.

An iteration reads each pixel once: its messages are sliced from the lattices, its marginals
updated, and these splatted for the next iteration, while slots and weights are in the cache.
No image of messages or marginals is ever written in between.

A pixel's log-odds and logits are a row, see `_rows`. Where it is longer than there are channels,
what is behind them is `NEVER`, and its exponential nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.crf._kernels.filtering import slice_line, splat_line
from napari_fcn_crf.crf._kernels.rows import add_row
from napari_fcn_crf.kernels.compilation import kernel, part_of_kernel
from napari_fcn_crf.kernels.elementary import exponentials, logarithms

Array = Any

NEVER = np.float32(-1e30)
_ONE = np.float32(1)


@kernel
def log_odds(
    begin: int,
    end: int,
    probabilities: Array,
    least: Any,
    odds: Array,
    off: Array,
    row: Any,
) -> None:
    """Write log p_c - log p_last of some lines, without the last class, and how far sums are off.

    Parameters
    ----------
    begin, end : int
        Of the lines, planes * rows of them.
    probabilities : float32 array, shape (classes, planes, rows, columns)
    least : float32
        Probabilities below it are taken for it.
    odds : float32 array, shape (planes, rows, columns, len(row))
    off : float32 array, shape (planes * rows,)
        The largest |sum - 1| of a line; NaN where a probability is negative or not a number.
    """
    classes, _, rows, n = probabilities.shape
    logs = np.empty((classes, n), np.float32)
    total = np.empty(n, np.float32)
    for line in range(begin, end):
        z, y = line // rows, line % rows
        worst = np.float32(0)
        invalid = False
        for i in range(n):
            total[i] = np.float32(0)
        for c in range(classes):
            for i in range(n):
                p = probabilities[c, z, y, i]
                invalid |= not (p >= np.float32(0) and p <= np.float32(3e38))
                total[i] += p
        for i in range(n):
            worst = max(worst, abs(total[i] - _ONE))
            invalid |= not total[i] > np.float32(0)
            total[i] = _ONE / total[i]
        for c in range(classes):
            for i in range(n):
                logs[c, i] = min(max(probabilities[c, z, y, i] * total[i], least), _ONE)
        logarithms(logs.reshape(logs.size))
        for i in range(n):
            for c in range(len(row)):
                odds[z, y, i, c] = logs[c, i] - logs[classes - 1, i] if c < classes - 1 else NEVER
        off[line] = np.float32(np.nan) if invalid else worst


@part_of_kernel
def _softmax_line(logits: Array, rest: Array, zeros: Array, ones: Array, row: Any) -> None:
    """Replace pixels' rows of logits by marginals; `rest` becomes the last class'.

    The last class is not in the rows; its logit is 0. `zeros` and `ones` are one row each.
    """
    length = len(row)
    for i in range(rest.size):
        top = np.float32(0)
        for c in range(length):
            top = max(top, logits[i * length + c])
        add_row(logits, i, logits, i, -top, ones, 0, row)
        rest[i] = -top
    exponentials(logits)
    exponentials(rest)
    for i in range(rest.size):
        total = rest[i]
        for c in range(length):
            total += logits[i * length + c]
        inverse = _ONE / total
        add_row(logits, i, zeros, 0, inverse, logits, i, row)
        rest[i] *= inverse


@part_of_kernel(fastmath={"contract"})
def _softmax_line_of_two(logits: Array, rest: Array) -> None:
    """Do `_softmax_line` for one channel: q = 1 / (1 + exp -x), and 1 - q."""
    for i in range(rest.size):
        rest[i] = -abs(logits[i])
    exponentials(rest)
    for i in range(rest.size):
        likely = _ONE / (_ONE + rest[i])
        unlikely = rest[i] * likely
        rest[i] = unlikely if logits[i] > 0 else likely
        logits[i] = likely if logits[i] > 0 else unlikely


@part_of_kernel
def _write_line(logits: Array, rest: Array, marginals: Array, row: Any) -> None:
    """Write marginals (classes, n)."""
    last = marginals.shape[0] - 1
    for c in range(last + 1):
        for i in range(rest.size):
            marginals[c, i] = rest[i] if c == last else logits[i * len(row) + c]


@kernel
def update(
    begin: int,
    end: int,
    odds: Array,
    boxes: Array,
    smoothness: Any,
    appearance: Any,
    sums: Any,
    receive: bool,
    last: bool,
    marginals: Array,
    row: Any,
) -> None:
    """Run one iteration for a range of tiles: q_i ∝ exp(log-odds_i + Σ_k factor_k (K_k q)_i).

    Parameters
    ----------
    begin, end : int
        Of the tiles.
    odds : float32 array, shape (planes, rows, columns, len(row))
    boxes : the tiles
    smoothness, appearance : (slots, weights, starts, corners, factor) of the lattices
        A lattice of factor 0 is not looked at.
    sums : two float32 arrays, shape (slots * len(row),)
        Blurred sums on entry, splatted ones on return.
    receive, last : bool
        Whether messages are received, and whether the new marginals are written; until the last
        iteration q_c - q_last are splatted instead.
    marginals : float32 array, shape (classes, planes, rows, columns)
    """
    length = len(row)
    slots_s, weights_s, starts_s, corners_s, smooth = smoothness
    slots_a, weights_a, starts_a, corners_a, appear = appearance
    zeros, ones = np.zeros(length, np.float32), np.ones(length, np.float32)
    for tile in range(begin, end):
        left, right = boxes[tile, 4], boxes[tile, 5]
        n = right - left
        logits = np.empty(n * length, np.float32)
        rest = np.empty(n, np.float32)
        sums_s = sums[0][starts_s[tile] * length : starts_s[tile + 1] * length]
        sums_a = sums[1][starts_a[tile] * length : starts_a[tile + 1] * length]
        new_s = np.zeros(0 if last else sums_s.size, np.float32)
        new_a = np.zeros(0 if last else sums_a.size, np.float32)
        for z in range(boxes[tile, 0], boxes[tile, 1]):
            for y in range(boxes[tile, 2], boxes[tile, 3]):
                of_line = odds[z, y, left:right].reshape(n * length)
                for k in range(n * length):
                    logits[k] = of_line[k]
                line_s = slots_s[z, y, left:right], weights_s[z, y, left:right]
                line_a = slots_a[z, y, left:right], weights_a[z, y, left:right]
                if receive and smooth != 0:
                    slice_line(*line_s, sums_s, smooth, logits, corners_s, row)
                if receive and appear != 0:
                    slice_line(*line_a, sums_a, appear, logits, corners_a, row)
                if length == 1:
                    _softmax_line_of_two(logits, rest)
                else:
                    _softmax_line(logits, rest, zeros, ones, row)
                if last:
                    _write_line(logits, rest, marginals[:, z, y, left:right], row)
                    continue
                for i in range(n):
                    add_row(logits, i, logits, i, -rest[i], ones, 0, row)
                if smooth != 0:
                    splat_line(*line_s, logits, new_s, corners_s, row)
                if appear != 0:
                    splat_line(*line_a, logits, new_a, corners_a, row)
        for k in range(new_s.size):
            sums_s[k] = new_s[k]
        for k in range(new_a.size):
            sums_a[k] = new_a[k]

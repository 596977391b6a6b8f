"""Kernels of the mean field: log-odds of the unary, and one whole iteration in one pass.

An iteration reads each pixel once: its messages are sliced from the lattices, its marginals
updated, and these splatted for the next iteration, while slots and weights are in the cache.
No image of messages or marginals is ever written in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from ._compile import kernel
from ._filter_kernels import slice_line, splat_line

Array = Any

_LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts, the first with few digits: n ln 2 is then exact in float32.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)


@kernel(fastmath={"contract"})
def exponentials(values: Array) -> None:
    """Replace values in (-inf, 0] by their exponentials, to a relative 2e-7; below -87 by 1e-38.

    Written out because the compiler makes vector code of it, and does not of the library's.
    """
    for i in range(values.size):
        x = max(values[i], np.float32(-87))
        whole = (x * _LOG2_E + _ROUND) - _ROUND
        r = x - whole * _LN2_HIGH
        r -= whole * _LN2_LOW
        series = np.float32(1 / 720)
        series = series * r + np.float32(1 / 120)
        series = series * r + np.float32(1 / 24)
        series = series * r + np.float32(1 / 6)
        series = series * r + np.float32(1 / 2)
        series = series * r + np.float32(1)
        series = series * r + np.float32(1)
        power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
        values[i] = series * np.int32(power).view(np.float32)


@kernel(fastmath={"contract"})
def logarithms(values: Array) -> None:
    """Replace positive normal float32 values by their natural logarithms, to 2e-7."""
    for i in range(values.size):
        bits = np.float32(values[i]).view(np.int32)
        # The mantissa is taken from [1/sqrt 2, sqrt 2), where the series converges fast.
        exponent = np.int32((bits - np.int32(0x3F3504F3)) >> np.int32(23))
        x = np.int32(bits - (exponent << np.int32(23))).view(np.float32)
        y = (x - np.float32(1)) / (x + np.float32(1))
        square = y * y
        series = np.float32(2 / 9)
        series = series * square + np.float32(2 / 7)
        series = series * square + np.float32(2 / 5)
        series = series * square + np.float32(2 / 3)
        series = series * square + np.float32(2)
        # Not in two parts like the exponential: |exponent ln 2| is at most 12 for a probability.
        values[i] = np.float32(exponent) * np.float32(0.6931471805599453) + y * series


@kernel
def _log_odds_line(probabilities: Array, least: Any, logs: Array, odds: Array) -> Any:
    """Do `log_odds` for a line of pixels: probabilities (classes, n) to odds (n, channels)."""
    classes, n = probabilities.shape
    total = np.zeros(n, np.float32)
    worst = np.float32(0)
    invalid = False
    for c in range(classes):
        for i in range(n):
            p = probabilities[c, i]
            invalid |= not (p >= np.float32(0) and p <= np.float32(3e38))
            total[i] += p
    for i in range(n):
        worst = max(worst, abs(total[i] - np.float32(1)))
        invalid |= not total[i] > np.float32(0)
        total[i] = np.float32(1) / total[i]
    for c in range(classes):
        for i in range(n):
            logs[c, i] = min(max(probabilities[c, i] * total[i], least), np.float32(1))
    logarithms(logs.reshape(logs.size))
    for c in range(odds.shape[1]):
        for i in range(n):
            odds[i, c] = logs[c, i] - logs[classes - 1, i]
    return np.float32(np.nan) if invalid else worst


@kernel(parallel=True)
def log_odds(probabilities: Array, least: Any, odds: Array, off: Array) -> None:
    """Write log p_c - log p_last of every class, and per row how far sums are from one.

    Parameters
    ----------
    probabilities : float32 array, shape (classes, planes, rows, columns)
    least : float32
        Probabilities below it are taken for it.
    odds : float32 array, shape (planes, rows, columns, channels)
        With one channel less than classes, the last class' odds, which are 0, are left out.
    off : float32 array, shape (planes * rows,)
        The largest |sum - 1| of a row; NaN where a probability is negative or not a number.
    """
    classes, planes, rows, columns = probabilities.shape
    for line in prange(planes * rows):
        z, y = line // rows, line % rows
        logs = np.empty((classes, columns), np.float32)
        off[line] = _log_odds_line(probabilities[:, z, y], least, logs, odds[z, y])


# Sums and maxima in any order are vector code. Logits are numbers: `log_odds` lets no NaN pass.
@kernel(fastmath={"contract", "reassoc", "nnan", "nsz"})
def _softmax_line(logits: Array, rest: Array, has_rest: bool) -> None:
    """Replace `n` pixels' logits (n, channels) by marginals; `rest` becomes the last class'.

    With `has_rest`, the last class is not among the channels and its logit is 0.
    """
    n, channels = logits.shape
    for i in range(n):
        top = np.float32(0) if has_rest else logits[i, 0]
        for c in range(channels):
            top = max(top, logits[i, c])
        for c in range(channels):
            logits[i, c] -= top
        rest[i] = -top
    exponentials(logits.reshape(n * channels))
    exponentials(rest)
    for i in range(n):
        total = rest[i] if has_rest else np.float32(0)
        for c in range(channels):
            total += logits[i, c]
        inverse = np.float32(1) / total
        for c in range(channels):
            logits[i, c] *= inverse
        rest[i] *= inverse


@kernel(fastmath={"contract"})
def _softmax_line_of_two(logits: Array, rest: Array) -> None:
    """Do `_softmax_line` for one channel: q = 1 / (1 + exp -x), and 1 - q."""
    x = logits.reshape(logits.size)
    for i in range(x.size):
        rest[i] = -abs(x[i])
    exponentials(rest)
    for i in range(x.size):
        likely = np.float32(1) / (np.float32(1) + rest[i])
        unlikely = rest[i] * likely
        rest[i] = unlikely if x[i] > 0 else likely
        x[i] = likely if x[i] > 0 else unlikely


@kernel(fastmath={"contract"})
def _add_penalties(penalties: Array, messages: Array, logits: Array) -> None:
    """Subtract Σ_c' μ(c, c') m_i(c') from the logits (n, channels) of a line of pixels."""
    for i in range(logits.shape[0]):
        for c in range(logits.shape[1]):
            for other in range(logits.shape[1]):
                logits[i, c] -= penalties[c, other] * messages[i, other]


@kernel
def _copy(source: Array, target: Array) -> None:
    """Copy an array (n, channels)."""
    for i in range(source.shape[0]):
        for c in range(source.shape[1]):
            target[i, c] = source[i, c]


@kernel
def _write_line(logits: Array, rest: Array, compare: bool, marginals: Array) -> Any:
    """Write marginals (classes, n); return their largest change with `compare`, or 0."""
    largest = np.float32(0)
    for c in range(marginals.shape[0]):
        for i in range(marginals.shape[1]):
            q = logits[i, c] if c < logits.shape[1] else rest[i]
            if compare:
                largest = max(largest, abs(q - marginals[c, i]))
            marginals[c, i] = q
    return largest


@kernel
def _update_tile(
    tile: int,
    odds: Array,
    penalties: Array,
    boxes: Array,
    smoothness: Any,
    appearance: Any,
    factors: Any,
    sums: Any,
    receive: bool,
    spread: bool,
    write: bool,
    compare: bool,
    marginals: Array,
) -> Any:
    """Do `update` for one tile; return its largest change of a marginal."""
    channels = odds.shape[3]
    potts = penalties.size == 0
    slots_s, weights_s, starts_s = smoothness
    slots_a, weights_a, starts_a = appearance
    smooth, appear = factors
    left, right = boxes[tile, 4], boxes[tile, 5]
    logits = np.empty((right - left, channels), np.float32)
    messages = np.empty((right - left, channels), np.float32)
    rest = np.empty(right - left, np.float32)
    sums_s = sums[0][starts_s[tile] : starts_s[tile + 1]]
    sums_a = sums[1][starts_a[tile] : starts_a[tile + 1]]
    new_s = np.zeros(sums_s.shape if spread else (0, channels), np.float32)
    new_a = np.zeros(sums_a.shape if spread else (0, channels), np.float32)
    largest = np.float32(0)
    for z in range(boxes[tile, 0], boxes[tile, 1]):
        for y in range(boxes[tile, 2], boxes[tile, 3]):
            _copy(odds[z, y, left:right], logits)
            received = logits
            if not potts:
                messages[:] = np.float32(0)
                received = messages
            if receive and smooth != 0:
                line = slots_s[z, y, left:right], weights_s[z, y, left:right]
                slice_line(*line, sums_s, smooth, received)
            if receive and appear != 0:
                line = slots_a[z, y, left:right], weights_a[z, y, left:right]
                slice_line(*line, sums_a, appear, received)
            if not potts:
                _add_penalties(penalties, messages, logits)
            if potts and channels == 1:
                _softmax_line_of_two(logits, rest)
            else:
                _softmax_line(logits, rest, potts)
            if write:
                change = _write_line(logits, rest, compare, marginals[:, z, y, left:right])
                largest = max(largest, change)
            if not spread:
                continue
            if potts:
                for i in range(right - left):
                    for c in range(channels):
                        logits[i, c] -= rest[i]
            if smooth != 0:
                line = slots_s[z, y, left:right], weights_s[z, y, left:right]
                splat_line(*line, logits, new_s)
            if appear != 0:
                line = slots_a[z, y, left:right], weights_a[z, y, left:right]
                splat_line(*line, logits, new_a)
    if spread:
        _copy(new_s, sums_s)
        _copy(new_a, sums_a)
    return largest


@kernel(parallel=True)
def update(
    odds: Array,
    penalties: Array,
    boxes: Array,
    smoothness: Any,
    appearance: Any,
    factors: Any,
    sums: Any,
    receive: bool,
    spread: bool,
    write: bool,
    compare: bool,
    marginals: Array,
    change: Array,
) -> None:
    """Run one iteration: q_i ∝ exp(log-odds_i + Σ_k factor_k (K_k q)_i).

    Parameters
    ----------
    odds : float32 array, shape (planes, rows, columns, channels)
    penalties : float32 array, shape (channels, channels) or (0, 0)
        μ; empty for Potts, whose channels are q_c - q_last, one less than classes.
    boxes : the tiles
    smoothness, appearance : (slots, weights, starts) of the lattices
    factors : two float32; a lattice of factor 0 is not looked at
    sums : two float32 arrays, shape (slots, channels)
        Blurred sums on entry, splatted ones on return.
    receive, spread, write, compare : bool
        Whether messages are received, the new marginals splatted, written, and compared with those
        there were.
    marginals : float32 array, shape (classes, planes, rows, columns)
    change : float32 array, one a tile
        Largest change of a marginal, if they are compared.
    """
    for tile in prange(boxes.shape[0]):
        change[tile] = _update_tile(
            np.int64(tile),
            odds,
            penalties,
            boxes,
            smoothness,
            appearance,
            factors,
            sums,
            receive,
            spread,
            write,
            compare,
            marginals,
        )

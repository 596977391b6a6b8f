"""Slots become vertices in the order of their keys, and vertices find their neighbours."""

import numpy as np
import pytest

from napari_fcn_crf.crf._kernels.vertices import NOBODY, find_neighbours, group_slots

LOW, HIGH = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def _keys(case: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    if case == "dense":
        return np.arange(-500, 500)
    if case == "over the whole range":
        # Steps from these overflow, as those of hashed coordinates do.
        start = rng.integers(LOW, HIGH, 40)
        return np.unique((start[:, None] + np.arange(-20, 20) * (2**61 + 7)).ravel())
    # More neighbours in between than a byte can count.
    return np.concatenate([np.arange(0, 3000, 1000), np.arange(10_000, 13_000)])


@pytest.mark.parametrize("case", ["dense", "over the whole range", "few beside many"])
@pytest.mark.parametrize("step", [1, -7, 10_000, 2**61 + 7, -(2**61) - 7])
def test_neighbours_are_a_step_away(case, step):
    keys = _keys(case)
    number = {int(key): vertex for vertex, key in enumerate(keys)}
    offsets = np.empty((keys.size, 2), np.uint8)
    blocks = find_neighbours(keys, np.int64(step), offsets)
    assert blocks[0, 0] == 0
    assert blocks[-1, 0] == keys.size
    first = np.repeat(blocks[:-1, 1:], np.diff(blocks[:, 0]), axis=0)
    found = np.where(offsets == NOBODY, -1, first + offsets)
    with np.errstate(over="ignore"):
        expected = [
            [number.get(int(key + np.int64(sign * step)), -1) for sign in (1, -1)] for key in keys
        ]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("low", "high"), [(5, 6), (-1000, 1000), (LOW, HIGH)])
def test_slots_are_grouped_by_vertex_in_their_order(low, high):
    given = np.random.default_rng(0).integers(low, high, 5000)
    keys, grouped, starts = group_slots(given.copy())
    slots = np.where(grouped < 0, ~grouped, grouped)
    assert np.array_equal(keys, np.unique(given))
    assert np.array_equal(slots, np.argsort(given, kind="stable"))
    assert np.array_equal(np.flatnonzero(grouped < 0), starts[:-1])
    assert starts[-1] == given.size

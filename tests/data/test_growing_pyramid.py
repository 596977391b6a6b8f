"""Pyramids that are filled region by region: whatever the order, as if made of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.data.ome_zarr import labels
from napari_fcn_crf.data.ome_zarr.growing_pyramid import GrowingPyramid


@pytest.fixture(autouse=True)
def small_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many levels for hundreds of pixels as for thousands."""
    monkeypatch.setattr(labels, "_SMALLEST_LEVEL_PX", 64)


def places(shape: tuple[int, ...], side: int) -> list[tuple[slice, slice]]:
    """Return squares that cover rows and columns, in a random order."""
    found = [
        (slice(row, min(row + side, shape[-2])), slice(column, min(column + side, shape[-1])))
        for row in range(0, shape[-2], side)
        for column in range(0, shape[-1], side)
    ]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[at] for at in order]


def test_labels_are_the_nearest_of_the_level_before(tmp_path: Path) -> None:
    whole = np.random.default_rng(1).integers(0, 200, (301, 222), dtype=np.uint8)
    pyramid = GrowingPyramid(tmp_path / "labels.zarr", whole.shape, whole.dtype, "nearest")
    levels = pyramid.levels
    assert [level.shape for level in levels] == [(301, 222), (151, 111), (76, 56), (38, 28)]
    # What napari reads once and keeps.
    kept = np.asarray(levels[-1])
    for rows, columns in places(whole.shape, 64):
        pyramid.write((), (rows, columns), whole[rows, columns])
    np.testing.assert_array_equal(pyramid[:, :], whole)
    for number, level in enumerate(levels):
        step = 2**number
        np.testing.assert_array_equal(np.asarray(level), whole[::step, ::step])
    np.testing.assert_array_equal(kept, whole[::8, ::8])


def test_probabilities_are_the_mean_of_four_pixels(tmp_path: Path) -> None:
    whole = np.random.default_rng(2).random((2, 3, 131, 100)).astype(np.float32)
    pyramid = GrowingPyramid(tmp_path / "p.zarr", whole.shape, np.float32, "mean")
    written = places(whole.shape, 64)
    for plane in (2, 0):
        for rows, columns in written:
            values = whole[:, plane, rows, columns]
            pyramid.write((slice(None), plane), (rows, columns), values)
    # Of an odd side, the last pixels have no neighbours, and stand for these, too.
    padded = np.pad(whole, ((0, 0), (0, 0), (0, 1), (0, 0)), mode="edge")
    expected = padded.reshape(2, 3, 66, 2, 50, 2).mean(axis=(3, 5))
    expected[:, 1] = 0
    assert len(pyramid.levels) == 3
    np.testing.assert_allclose(np.asarray(pyramid.levels[1]), expected, rtol=1e-6)
    # Of the plane that nobody has written, there is nothing on the disk either.
    assert not list((tmp_path / "p.zarr" / "0").glob("*/1/*/*"))
    assert list((tmp_path / "p.zarr" / "0").glob("*/2/*/*"))

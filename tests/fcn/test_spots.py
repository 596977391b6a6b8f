"""Spots are a fair sample of a plane, its borders included, and miss nothing around them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches import patches as patches_module
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import around_strokes
from napari_fcn_crf.fcn.batches.spots import _along, margin_of

LENGTH, SIDE = 960, 256


def test_each_pixel_is_as_likely_to_be_in_a_core() -> None:
    covered = np.zeros(LENGTH, int)
    for share in np.linspace(0, 1, 70 * (LENGTH + SIDE), endpoint=False):
        _, core = _along(share, LENGTH, SIDE)
        covered[core] += 1
    assert np.ptp(covered) < 0.01 * covered.max()


def test_around_a_core_there_is_a_margin_or_the_planes_border() -> None:
    margin = margin_of(SIDE)
    for share in np.linspace(0, 1, 100, endpoint=False):
        corner, core = _along(share, LENGTH, SIDE)
        assert corner % 32 == core.start % 32 == core.stop % 32 == 0
        assert 0 <= corner <= LENGTH - SIDE
        assert core.start - corner >= margin or core.start == corner == 0
        assert corner + SIDE - core.stop >= margin or core.stop == corner + SIDE == LENGTH


def test_the_sample_is_of_the_plane_and_not_of_its_continuation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patches_module, "WHOLE_PX", 2**14)
    monkeypatch.setattr(patches_module, "WHOLE_AT_MOST_PX", 2**14)
    rows, columns = np.indices((700, 750))
    plane = np.stack([rows, columns], axis=-1).astype(np.float32)
    indices = np.full(plane.shape[:2], IGNORE, np.int32)
    indices[340:350, 370:380] = 0
    (around,) = around_strokes([Example(plane, indices)], 96)
    spots = around.spots
    seen = np.zeros(plane.shape[:2], int)
    for spot in range(len(spots)):
        values = spots.pixels(spot)[spots.typical_within(spot)].astype(int)
        seen[values[..., 0], values[..., 1]] += 1
        # No pixel twice, as it would be where the plane is continued by reflection.
        assert len(np.unique(values.reshape(-1, 2), axis=0)) == values[..., 0].size
    assert seen.any(axis=1).mean() > 0.7
    assert seen[:32].any()
    assert seen[-32:].any()

"""Objects of large images, block by block, are those of the whole but for their numbers."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2hed

from napari_fcn_crf.data import samples
from napari_fcn_crf.data.objects import object_classes
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.results.instances import split_instances
from napari_fcn_crf.results.large_instances import split_large


def _as_first_met(numbers: np.ndarray) -> np.ndarray:
    """Return objects numbered in the order in which they are met."""
    values, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(np.where(values == 0, -1, first)))
    return order[inverse].reshape(numbers.shape)


def assert_same(found: np.ndarray, whole: np.ndarray) -> None:
    np.testing.assert_array_equal(_as_first_met(found), _as_first_met(whole))


@pytest.fixture(scope="module")
def tissue() -> tuple[np.ndarray, np.ndarray]:
    """Nuclei of the sample of tissue, many of which touch, and how probable they are."""
    stain = gaussian_filter(rgb2hed(samples.load("ihc"))[..., 0], 1.5)
    low, high = np.percentile(stain, (50, 95))
    inside = 1 / (1 + np.exp(-8 * ((stain - low) / (high - low) - 0.5)))
    return (inside > 0.5).astype(np.uint8), inside.astype(np.float32)


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """Cells that touch on all sides, with their borders as a class: one clump over all blocks."""
    generator = np.random.default_rng(0)
    centres = np.stack(np.mgrid[12:420:24, 12:520:24], -1).reshape(-1, 2)
    centres = centres + generator.uniform(-5, 5, centres.shape)
    grid = np.stack(np.mgrid[:420, :520], -1)[..., None, :]
    distance = np.stack([np.hypot(*(grid[row] - centres).T) for row in range(420)])
    nearest = distance.transpose(0, 2, 1).argmin(-1) + 1
    return object_classes(nearest, with_border=True)


def test_the_sample_of_tissue(tissue):
    labels, inside = tissue
    whole = split_instances(labels, 1, inside=inside)
    assert whole.max() > 100
    regions = []

    def read(place):
        regions.append(max(part.stop - part.start for part in place))
        return inside[place]

    lazy = dask.array.from_array(labels, chunks=100)
    found = split_large(lazy, 1, inside=read, block_px=128, margin_px=96)
    assert_same(found, whole)
    assert found.dtype == np.int32
    assert set(np.unique(found)) == set(range(whole.max() + 1))
    assert len(regions) > 16
    assert max(regions) <= 128 + 2 * 96


def test_borders_that_were_trained_tell_a_clump_apart(crowd):
    whole = split_instances(crowd, 1, border=2)
    assert whole.max() > 250
    assert_same(split_large(crowd, 1, border=2, block_px=150, margin_px=80), whole)
    # Without them it is one object.
    assert len(np.unique(split_instances(np.minimum(crowd, 1), 1))) < 10


def test_a_size_that_is_given_and_volumes(crowd):
    assert_same(
        split_large(crowd, 1, 300, 2, block_px=150, margin_px=80),
        split_instances(crowd, 1, 300, 2),
    )
    volume = np.repeat(crowd[None, :80, :90], 12, axis=0)
    assert_same(
        split_large(volume, 1, border=2, block_px=48, margin_px=36),
        split_instances(volume, 1, border=2),
    )


def test_an_object_longer_than_a_block_with_its_margin_is_one():
    labels = np.zeros((40, 600), np.uint8)
    labels[10:30, 5:595] = 1
    found = split_large(labels, 1, block_px=64, margin_px=40)
    assert set(np.unique(found)) == {0, 1}
    np.testing.assert_array_equal(found > 0, labels == 1)


def test_it_is_stopped_between_blocks_and_told(tissue):
    told = []
    with pytest.raises(Cancelled):
        split_large(
            tissue[0],
            1,
            block_px=256,
            on_progress=told.append,
            should_stop=lambda: len(told) == 3,
        )
    assert [(one.current, one.total, one.unit) for one in told] == [
        (0, 8, "blocks"),
        (1, 8, "blocks"),
        (2, 8, "blocks"),
    ]


def test_what_cannot_be_is_told():
    with pytest.raises(ValueError, match="No pixel has the label 7"):
        split_large(np.zeros((8, 8), np.uint8), 7)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        split_large(np.zeros((8, 8), np.uint8), 0, minimum_px=0)
    with pytest.raises(ValueError, match="2 or 3 axes, but found 4"):
        split_large(np.zeros((2, 2, 8, 8), np.uint8), 0)

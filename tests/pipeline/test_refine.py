"""Refining planes, stacks and volumes, with annotated pixels kept."""

from dataclasses import replace

import numpy as np
import pytest

from napari_fcn_crf.crf.live.pace import FRAME_S, Pace
from napari_fcn_crf.crf.live.region import MAXIMUM_PX, Region, RegionRefiner
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.pipeline.refinement import refine
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import CRFSettings

SETTINGS = replace(CRFSettings.paper(), gaussian_sigma_px=2, bilateral_sigma_px=5, iterations=3)


@pytest.fixture
def stack() -> tuple[np.ndarray, np.ndarray]:
    """Three planes with a bright half, and noisy probabilities of it."""
    rng = np.random.default_rng(0)
    image = np.zeros((3, 20, 24), np.uint8)
    image[:, :, 12:] = 200
    bright = np.clip((image > 0) * 0.4 + 0.3 + rng.normal(0, 0.1, image.shape), 0.01, 0.99)
    return image, np.stack([1 - bright, bright]).astype(np.float32)


def test_a_stack_is_its_planes(stack):
    image, probabilities = stack
    seen = {}
    whole = refine(
        image,
        probabilities,
        SETTINGS,
        on_plane=lambda index, marginals: seen.update({index: marginals.copy()}),
    )
    assert list(seen) == [(0,), (1,), (2,)]
    for plane in range(3):
        alone = refine(image[plane], probabilities[:, plane], SETTINGS)
        np.testing.assert_allclose(whole[:, plane], alone, atol=1e-6)
        np.testing.assert_array_equal(whole[:, plane], seen[plane,])


def test_a_volume_is_more_than_its_planes(stack):
    image, probabilities = stack
    probabilities = probabilities.copy()
    probabilities[:, 1] = 0.5
    by_plane = refine(image, probabilities, SETTINGS)
    volume = refine(image, probabilities, SETTINGS, volume_spacing=(1, 1, 1))
    np.testing.assert_allclose(volume.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(by_plane[:, 1], 0.5, atol=1e-5)
    assert (volume[1, 1, :, 16:] > 0.9).all()
    assert (volume[1, 1, :, :8] < 0.1).all()
    far = refine(image, probabilities, SETTINGS, volume_spacing=(100, 1, 1))
    np.testing.assert_allclose(far[:, 1], 0.5, atol=1e-3)


def test_a_plane_is_no_volume(stack):
    image, probabilities = stack
    with pytest.raises(ValueError, match="three axes, but this image has 2"):
        refine(image[0], probabilities[:, 0], SETTINGS, volume_spacing=(1, 1, 1))


def test_annotated_pixels_stay(stack):
    image, probabilities = stack
    annotated = np.full(image.shape, -1)
    annotated[:, 5, :] = 0
    refined = refine(image, probabilities, SETTINGS, annotated=annotated)
    assert (refined.argmax(axis=0)[:, 5] == 0).all()
    assert (refined.argmax(axis=0)[:, 15, 14:] == 1).all()


def test_progress_covers_all_planes_and_can_be_stopped(stack):
    image, probabilities = stack
    told = []
    refine(image, probabilities, SETTINGS, on_progress=told.append)
    slices = [f"{one.phase}: {one.current} of {one.total} {one.unit}" for one in told]
    assert slices[1] == "Refining (iteration 1 of 3): 0 of 3 slices"
    assert slices[-1] == "Refining (iteration 3 of 3): 3 of 3 slices"
    assert [progress.current for progress in told] == sorted(p.current for p in told)
    with pytest.raises(Cancelled):
        refine(image, probabilities, SETTINGS, should_stop=lambda: True)


def test_a_region_agrees_with_the_whole_plane(stack):
    image, probabilities = stack
    region = Region.visible((0, 0), (20, 24), (20, 24))
    assert region == Region((0, 20), (0, 24), 1)
    refiner = RegionRefiner(image[0][..., None].astype(np.float32), probabilities[:, 0], None)
    whole = refine(image[0], probabilities[:, 0], SETTINGS)
    np.testing.assert_array_equal(refiner.refine(region, SETTINGS), whole.argmax(axis=0))


def test_regions_lie_inside_the_image_and_are_no_larger_than_a_screen():
    region = Region.visible((-10, 70), (40, 9000), (3000, 4000))
    assert region.rows == (0, 64)
    assert region.columns == (64, 4000)
    large = Region.visible((0, 0), (3000, 4000), (3000, 4000))
    rows, columns = (len(range(3000)[large.slices[0]]), len(range(4000)[large.slices[1]]))
    assert rows * columns <= MAXIMUM_PX
    assert Region.visible((5000, 5000), (6000, 6000), (100, 100)).rows == (99, 100)


def test_a_coarser_region_is_the_same_place(stack):
    image, _ = stack
    # Of noise, every sigma changes some label.
    bright = np.random.default_rng(0).random((3, 20, 24), np.float32)
    probabilities = np.stack([1 - bright, bright])
    full = Region((0, 20), (0, 24), 1)
    coarse = full.coarser(2)
    assert (full.pixels, coarse.pixels) == (480, 120)
    assert Region((0, 5), (0, 5), 2).pixels == 9
    refiner = RegionRefiner(image[0, ..., None].astype(np.float32), probabilities[:, 0], None)
    sharp = refiner.refine(full, SETTINGS)
    kept = refiner._lattices._kept[full]
    sampled = refiner.refine(coarse, SETTINGS)
    halves = replace(
        SETTINGS,
        gaussian_sigma_px=SETTINGS.gaussian_sigma_px / 2,
        bilateral_sigma_px=SETTINGS.bilateral_sigma_px / 2,
    )
    alone = refine(image[0, ::2, ::2], probabilities[:, 0, ::2, ::2], halves)
    np.testing.assert_array_equal(sampled, alone.argmax(axis=0))
    np.testing.assert_array_equal(refiner.refine(full, SETTINGS), sharp)
    assert refiner._lattices._kept[full] is kept


def test_a_regions_annotated_pixels_stay(stack):
    image, probabilities = stack
    annotated = np.full(image.shape[1:], -1)
    annotated[7, 14:] = 0
    refiner = RegionRefiner(image[0, ..., None].astype(np.float32), probabilities[:, 0], annotated)
    found = refiner.refine(Region((4, 20), (4, 24), 1), SETTINGS)
    assert (found[3, 10:] == 0).all()
    assert (found[10:, 10:] == 1).all()


def test_a_stack_has_one_intensity_mapping_and_alpha_counts_for_nothing(stack):
    _, probabilities = stack
    first, second = np.random.default_rng(0).normal(0, 10, (2, 20, 24))
    # The plane is the same, but not what it is measured by.
    alone, beside = (
        refine(np.stack([first, factor * second]), probabilities[:, :2], SETTINGS)[:, 0]
        for factor in (1, 20)
    )
    assert np.abs(alone - beside).max() > 1e-3
    colour = np.random.default_rng(0).integers(0, 256, (20, 24, 4), np.uint8)
    without = refine(colour[..., :3], probabilities[:, 0], SETTINGS)
    transparent = Picture(colour, "yxc", alpha=True)
    np.testing.assert_array_equal(refine(transparent, probabilities[:, 0], SETTINGS), without)
    # Four channels of which nobody said that are four channels.
    assert np.abs(refine(colour, probabilities[:, 0], SETTINGS) - without).max() > 1e-3


def test_the_pace_follows_what_frames_took():
    pixels = 1024 * 1024
    pace = Pace()
    for _ in range(20):
        pace.took(pixels, FRAME_S / 2)
    assert pace.coarser(pixels) == 1
    for _ in range(20):
        pace.took(pixels, FRAME_S * 3)
    assert pace.coarser(pixels) == 2
    for _ in range(20):
        pace.took(pixels, 1000)
    assert pace.coarser(pixels) == 4
    assert pace.coarser(pixels // 64) == 1


def test_a_refinement_can_be_ended_while_its_lattices_are_built() -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, (600, 600, 3), dtype=np.uint8)
    probabilities = generator.dirichlet((1, 1), (600, 600)).transpose(2, 0, 1)
    asked, told = 0, []

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    with pytest.raises(Cancelled):
        refine(image, probabilities, SETTINGS, told.append, should_stop)
    # Before the first iteration, it is done at once: nothing is finished first.
    assert [progress.current for progress in told] == [0]
    assert 20 < asked < 25

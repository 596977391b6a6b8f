"""The built-in engine gives pydensecrf's answers, and is no farther from the exact ones."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.crf.lattice import CrowdedTileError, PermutohedralLattice, tile_boxes
from napari_fcn_crf.settings import CRFSettings
from tests.crf.cases import (
    by_lattice_in_float64,
    by_pydensecrf,
    by_summation,
    noise,
    photograph,
    probabilities,
    smooth,
)

TUTORIAL = CRFSettings.paper()


def _agree(image, given, settings):
    """Check for the same marginals to 1e-4, and the same labels.

    Where a pixel is about to change sides, iterations multiply rounding errors, pydensecrf's own
    ones beyond 1e-4. There our lattices in float64 decide, as long as pydensecrf is near them: ours
    must be the nearer one.
    """
    crf = DenseCRF(image, settings)
    ours, theirs = crf.infer(given), by_pydensecrf(image, given, settings)
    if np.abs(ours - theirs).max() > 1e-4:
        exact = by_lattice_in_float64(crf, given)
        assert np.abs(theirs - exact).max() < 2e-3
        assert np.abs(ours - exact).max() < np.abs(theirs - exact).max()
        theirs = exact
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4)
    assert (ours.argmax(axis=0) == theirs.argmax(axis=0)).mean() >= 0.9999


@pytest.mark.parametrize("iterations", [1, 5, 20])
@pytest.mark.parametrize("classes", [2, 3, 21])
@pytest.mark.parametrize(
    "image",
    [photograph(64, 81), noise(53, 64), np.full((50, 61, 3), 77, np.uint8)],
    ids=["photograph", "noise", "constant"],
)
def test_marginals_are_pydensecrfs(image, classes, iterations):
    given = probabilities(classes, image.shape[:2])
    _agree(image, given, replace(TUTORIAL, iterations=iterations))


def test_the_defaults_agree():
    _agree(photograph(64, 81), probabilities(3, (64, 81)), CRFSettings())


@pytest.mark.parametrize("shape", [(1, 1), (1, 211), (211, 1), (2, 3), (37, 41), (150, 203)])
def test_any_size_agrees(shape):
    _agree(noise(*shape), probabilities(3, shape), TUTORIAL)


@pytest.mark.parametrize(
    ("gaussian", "bilateral", "intensity"),
    [(0.3, 0.5, 0.5), (1, 1, 2), (3, 80, 13), (500, 1000, 300), (1e4, 1e4, 1e4), (0.5, 200, 1)],
)
def test_any_sigmas_agree(gaussian, bilateral, intensity):
    settings = replace(
        TUTORIAL,
        gaussian_sigma_px=gaussian,
        bilateral_sigma_px=bilateral,
        bilateral_sigma_intensity=intensity,
    )
    # With a sigma below a pixel, a pixel hears above all itself, and each iteration multiplies
    # rounding errors by the weight: many iterations go with small weights here.
    gentle = replace(settings, gaussian_weight=1, bilateral_weight=1)
    for image in (photograph(70, 91), noise(70, 91)):
        _agree(image, probabilities(2, (70, 91)), replace(settings, iterations=1))
        _agree(image, probabilities(3, (70, 91)), gentle)


def test_tiles_too_crowded_to_number_are_made_smaller():
    settings = replace(TUTORIAL, bilateral_sigma_px=1, bilateral_sigma_intensity=2, iterations=1)
    image, given = noise(128, 128), probabilities(2, (128, 128))
    features = DenseCRF(image, settings)._features("appearance", settings)
    with pytest.raises(CrowdedTileError):
        PermutohedralLattice(lambda: features, tile_boxes((1, 128, 128)))
    crf = DenseCRF(image, settings)
    gentle = replace(settings, bilateral_sigma_px=50, bilateral_sigma_intensity=20)
    # Before, after, and in between the tiles are of different sizes.
    for sigmas in (gentle, settings, gentle):
        expected = by_pydensecrf(image, given, sigmas)
        np.testing.assert_allclose(crf.infer(given, sigmas), expected, rtol=0, atol=1e-4)


def test_gray_and_many_channels_agree():
    image = noise(40, 50)
    five = np.concatenate([image, image[::-1, :, :2]], axis=2)
    given = probabilities(3, (40, 50))
    _agree(image[..., :1], given, TUTORIAL)
    _agree(five, given, replace(TUTORIAL, bilateral_sigma_intensity=60))


def test_a_class_that_neighbours_speak_for_is_as_unlikely_where_it_is_absent():
    given = np.empty((2, 40, 50), np.float32)
    given[0], given[1] = 0.02, 0.98
    given[:, 15:25, 20:30] = [[[1]], [[0]]]
    crf = replace(TUTORIAL, iterations=1)
    _agree(np.full((40, 50, 3), 77, np.uint8), given, crf)
    inside = by_summation(np.full((40, 50, 3), 77, np.uint8), given, crf)[1, 20, 25]
    assert 0.1 < inside < 0.9


def test_a_volume_agrees():
    volume = noise(6 * 20, 25).reshape(6, 20, 25, 3)
    given = probabilities(3, (6, 20, 25))
    _agree(volume, given, replace(TUTORIAL, gaussian_sigma_px=3, bilateral_sigma_px=6))


def test_parameters_mean_what_they_mean_in_pydensecrf():
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    utils = pytest.importorskip("pydensecrf.utils")
    # Its own pixel grid has the column first, so it is given the transposed image.
    image, given = photograph(40, 52), probabilities(2, (40, 52))
    crf = densecrf.DenseCRF2D(40, 52, 2)
    crf.setUnaryEnergy(utils.unary_from_softmax(given.transpose(0, 2, 1)))
    crf.addPairwiseGaussian(sxy=10, compat=3)
    transposed = np.ascontiguousarray(image.transpose(1, 0, 2))
    crf.addPairwiseBilateral(sxy=50, srgb=20, rgbim=transposed, compat=10)
    theirs = np.array(crf.inference(5)).reshape(2, 52, 40).transpose(0, 2, 1)
    ours = DenseCRF(image, TUTORIAL).infer(given)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("image", [photograph(32, 32), noise(32, 32)], ids=["photograph", "noise"])
def test_ours_is_no_farther_from_the_exact_sum(image):
    given = probabilities(3, (32, 32))
    settings = replace(TUTORIAL, gaussian_sigma_px=3, bilateral_sigma_px=12)
    exact = by_summation(image, given, settings)
    ours = np.abs(DenseCRF(image, settings).infer(given) - exact)
    theirs = np.abs(by_pydensecrf(image, given, settings) - exact)
    # Both are a lattice's distance away, and the same one up to rounding.
    assert ours.mean() <= theirs.mean() + 1e-6
    assert ours.max() <= theirs.max() + 1e-4
    assert ours.mean() < 0.1


GENTLE = replace(
    TUTORIAL,
    iterations=1,
    gaussian_sigma_px=3,
    gaussian_weight=2,
    bilateral_sigma_px=6,
    bilateral_sigma_intensity=60,
    bilateral_weight=2,
)


@pytest.mark.parametrize(
    ("spacing", "depth_ratio"), [((2.5, 1, 1), 1), ((1, 1, 1), 0.4), ((4, 2, 2), 0.8)]
)
def test_a_volume_is_near_the_exact_sum_and_far_from_other_depths(spacing, depth_ratio):
    image = smooth(6, 16, 18)
    given = probabilities(3, (6, 16, 18))
    ours = DenseCRF(image, replace(GENTLE, depth_ratio=depth_ratio), spacing=spacing).infer(given)
    right, flatter, deeper = (
        np.abs(
            ours - by_summation(image, given, replace(GENTLE, depth_ratio=ratio), spacing)
        ).mean()
        for ratio in (depth_ratio, depth_ratio / 1.5, depth_ratio * 1.5)
    )
    assert right < 1.2e-3
    assert right < min(flatter, deeper) / 1.5


@pytest.mark.parametrize(
    "name", ["gaussian_sigma_px", "bilateral_sigma_px", "bilateral_sigma_intensity"]
)
def test_an_image_is_near_the_exact_sum_and_far_from_other_sigmas(name):
    image, given = smooth(30, 34), probabilities(3, (30, 34))
    ours = DenseCRF(image, GENTLE).infer(given)
    right, smaller, larger = (
        np.abs(
            ours - by_summation(image, given, replace(GENTLE, **{name: getattr(GENTLE, name) * f}))
        ).mean()
        for f in (1, 0.5, 2)
    )
    assert right < 1.6e-3
    assert right < 0.7 * min(smaller, larger)


def test_the_reference_runs_through_the_same_call():
    image, given = photograph(30, 40), probabilities(3, (30, 40))
    settings = replace(TUTORIAL, engine="pydensecrf")
    expected = by_pydensecrf(image, given, settings)
    np.testing.assert_allclose(DenseCRF(image, settings).infer(given), expected, atol=1e-6)


def test_without_pydensecrf_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    crf = DenseCRF(photograph(8, 9), replace(TUTORIAL, engine="pydensecrf"))
    with pytest.raises(ImportError, match=r"pip install pydensecrf2.*'builtin'"):
        crf.infer(probabilities(2, (8, 9)))

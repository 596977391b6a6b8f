"""Truths of the CRF for any small image, found by hypothesis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings
from tests.crf.cases import noise, probabilities

SETTINGS = CRFSettings(gaussian_sigma_px=3, bilateral_sigma_px=8, bilateral_sigma_intensity=40)

sides = st.integers(1, 14)
seeds = st.integers(0, 2**31)
classes = st.integers(1, 5)
few = settings(max_examples=25, deadline=None)


@few
@given(sides, sides, classes, seeds)
def test_marginals_are_probabilities(rows, columns, count, seed):
    refined = DenseCRF(noise(rows, columns, seed), SETTINGS).infer(
        probabilities(count, (rows, columns), seed)
    )
    assert (refined >= 0).all()
    np.testing.assert_allclose(refined.sum(axis=0), 1, atol=1e-6)


@few
@given(sides, sides, classes, seeds)
def test_classes_in_another_order_give_the_marginals_in_that_order(rows, columns, count, seed):
    # Light weights: rounding differs with the order, and heavy ones would multiply it.
    crf = DenseCRF(
        noise(rows, columns, seed), replace(SETTINGS, gaussian_weight=1, bilateral_weight=1)
    )
    before = probabilities(count, (rows, columns), seed)
    order = np.random.default_rng(seed).permutation(count)
    np.testing.assert_allclose(crf.infer(before)[order], crf.infer(before[order]), atol=1e-5)


@few
@given(sides, sides, classes, seeds)
def test_zero_weights_return_the_input(rows, columns, count, seed):
    before = probabilities(count, (rows, columns), seed)
    without = replace(SETTINGS, gaussian_weight=0, bilateral_weight=0)
    refined = DenseCRF(noise(rows, columns, seed), without).infer(before)
    np.testing.assert_allclose(refined, before, atol=1e-6)


@few
@given(sides, sides, seeds)
def test_where_all_pixels_agree_more_weight_makes_them_surer(rows, columns, seed):
    crf = DenseCRF(noise(rows, columns, seed), SETTINGS)
    before = np.empty((2, rows, columns), np.float32)
    before[0], before[1] = 0.6, 0.4
    sure = before[0]
    for weight in (0.5, 1.0, 2.0):
        surer = crf.infer(
            before, replace(SETTINGS, gaussian_weight=weight, bilateral_weight=weight)
        )
        assert (surer[0] >= sure - 1e-6).all()
        sure = surer[0]


@settings(max_examples=10, deadline=None)
@given(st.integers(8, 14), st.integers(8, 14), seeds)
def test_mirroring_the_image_mirrors_the_marginals_nearly(rows, columns, seed):
    # The lattice's vertices are not mirrored with the image, so its error is another one. The
    # smoothness kernel, of two dimensions, is near enough; one iteration does not multiply it.
    gentle = replace(SETTINGS, iterations=1, gaussian_weight=1, bilateral_weight=0)
    image, before = noise(rows, columns, seed), probabilities(2, (rows, columns), seed)
    straight = DenseCRF(image, gentle).infer(before)
    mirrored = DenseCRF(image[:, ::-1], gentle).infer(before[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_allclose(mirrored, straight, atol=0.05)

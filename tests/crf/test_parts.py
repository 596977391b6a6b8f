"""Images too large for one lattice are refined in parts, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.crf import dense_crf
from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.crf.large_images import parts
from napari_fcn_crf.settings import CRFSettings
from tests.crf.cases import photograph, probabilities


@pytest.mark.parametrize("shape", [(100, 80), (7, 200, 90), (1, 1)])
def test_cores_cover_the_image_once_and_lie_in_their_parts(shape):
    covered = np.zeros(shape, int)
    numbers = np.arange(covered.size).reshape(shape)
    for core, whole, inner in parts(shape, (5,) * len(shape), 1500):
        covered[core] += 1
        np.testing.assert_array_equal(numbers[core], numbers[whole][inner])
    np.testing.assert_array_equal(covered, 1)


def test_parts_are_as_small_as_asked_while_margins_allow():
    assert all(
        np.prod([piece.stop - piece.start for piece in whole]) <= 1500
        for _, whole, _ in parts((100, 80), (5, 5), 1500)
    )


def test_small_images_are_one_part():
    assert len(parts((100, 80), (5, 5), 8000)) == 1


def test_a_large_image_gives_the_labels_of_the_whole(monkeypatch):
    image, given = photograph(200, 300), probabilities(3, (200, 300))
    settings = CRFSettings(gaussian_sigma_px=3, bilateral_sigma_px=10)
    whole = DenseCRF(image, settings).infer(given)
    monkeypatch.setattr(dense_crf, "_BYTES_AT_ONCE", 200 * 20000)
    told = []
    tiled = DenseCRF(image, settings).infer(given, on_iteration=lambda *step: told.append(step))
    # Their margins make these parts larger than asked; they are not cut again.
    total = told[-1][1]
    assert told == [(done, total) for done in range(1, total + 1)]
    assert total > settings.iterations
    assert (tiled.argmax(axis=0) == whole.argmax(axis=0)).mean() >= 0.999


@pytest.fixture
def in_parts(monkeypatch):
    """A CRF of an image that is refined in parts, probabilities, and how many parts there are."""
    monkeypatch.setattr(dense_crf, "_BYTES_AT_ONCE", 200 * 2000)
    settings = CRFSettings(gaussian_sigma_px=0.5, bilateral_sigma_px=1, iterations=3)
    crf, given = DenseCRF(photograph(60, 90), settings), probabilities(3, (60, 90))
    told = []
    crf.infer(given, on_iteration=lambda *step: told.append(step))
    assert told[-1][1] > 6
    return crf, given, told[-1][1]


def test_certain_pixels_stay_in_every_part(in_parts):
    crf, given, _ = in_parts
    clamped = np.full((60, 90), -1)
    clamped[::7, ::5] = 2
    refined = crf.infer(given, clamped=clamped)
    np.testing.assert_array_equal(refined[2][clamped == 2], 1)


def test_a_stop_ends_the_part_that_has_begun_and_leaves_the_others(in_parts):
    crf, given, total = in_parts
    told = []
    stopped = crf.infer(
        given, on_iteration=lambda *step: told.append(step), should_stop=lambda: len(told) > 0
    )
    assert told == [(1, total), (2, total)]
    np.testing.assert_allclose(stopped.sum(axis=0), 1, atol=1e-5)
    unchanged = np.isclose(stopped, given, atol=1e-6).all(axis=0)
    assert 0.5 < unchanged.mean() < 0.95

"""What holds of a CRF whatever computes it, and what it does with unusual input."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from numba import config

from napari_fcn_crf.crf import lattice
from napari_fcn_crf.crf._kernels import filtering, mean_field_steps
from napari_fcn_crf.crf.dense_crf import DenseCRF, warm_up
from napari_fcn_crf.settings import CRFSettings
from tests.crf.cases import noise, photograph, probabilities

SETTINGS = CRFSettings.paper()


def test_marginals_are_float32_and_sum_to_one():
    refined = DenseCRF(photograph(40, 50), SETTINGS).infer(probabilities(5, (40, 50)))
    assert refined.dtype == np.float32
    np.testing.assert_allclose(refined.sum(axis=0), 1, atol=1e-6)


def test_it_smooths_noise_and_keeps_the_edge():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 200
    truth = image[..., 0] > 0
    given = np.clip(
        0.5 + 0.2 * (truth - 0.5) + 0.3 * (noise(40, 60)[..., 0] / 255 - 0.5), 0.01, 0.99
    )
    refined = DenseCRF(image, SETTINGS).infer(np.stack([1 - given, given]))
    assert ((given > 0.5) == truth).mean() < 0.9
    assert ((refined[1] > 0.5) == truth).all()


@pytest.mark.parametrize(
    "change", [{"iterations": 0}, {"gaussian_weight": 0, "bilateral_weight": 0}]
)
def test_without_weight_or_iterations_the_input_comes_back(change):
    given = probabilities(3, (20, 30))
    refined = DenseCRF(photograph(20, 30), replace(SETTINGS, **change)).infer(given)
    np.testing.assert_allclose(refined, given, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, bool])
def test_certain_pixels_and_absent_classes_of_any_type(dtype):
    given = np.zeros((4, 20, 30), dtype)
    given[0] = 1
    given[2, :10] = 1
    given[0, :10] = 0
    refined = DenseCRF(photograph(20, 30), SETTINGS).infer(given)
    assert np.isfinite(refined).all()
    assert (refined[[1, 3]] < 0.01).all()


def test_one_class_is_certain():
    refined = DenseCRF(photograph(20, 30), SETTINGS).infer(np.ones((1, 20, 30)))
    np.testing.assert_array_equal(refined, 1)


def test_sums_other_than_one_are_divided_out_with_a_warning():
    given = probabilities(3, (20, 30))
    crf = DenseCRF(photograph(20, 30), SETTINGS)
    with pytest.warns(UserWarning, match="must sum to 1, but some sums are 3 off"):
        scaled = crf.infer(given * 4)
    np.testing.assert_allclose(scaled, crf.infer(given), atol=1e-5)
    with pytest.warns(UserWarning, match=r"some sums are 0\.02 off"):
        crf.infer(given * np.float32(1.02))
    # So far may rounding go; warnings are errors here.
    crf.infer(given * np.float32(1.005))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5])
def test_what_is_no_probability_is_refused(value):
    given = probabilities(2, (20, 30))
    given[0, 3, 4] = value
    with pytest.raises(ValueError, match="negative, infinite or NaN"):
        DenseCRF(photograph(20, 30), SETTINGS).infer(given)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((5, 5)), ValueError, r"but its shape is \(5, 5\)"),
        (np.zeros((0, 5, 3)), ValueError, "with pixels in it"),
        (np.full((5, 5, 3), np.nan), ValueError, "finite values only"),
        (np.zeros((5, 5, 3), complex), TypeError, "type is complex128"),
    ],
)
def test_images_that_cannot_be_refined_are_named(image, error, message):
    with pytest.raises(error, match=message):
        DenseCRF(image, SETTINGS)


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_numbers_too_large_for_the_kernels_are_told_as_they_are(value):
    image = np.full((5, 5, 3), value)
    with pytest.raises(ValueError, match=r"bilateral_sigma_intensity.*for values up to 1e\+308"):
        DenseCRF(image, SETTINGS).infer(np.full((2, 5, 5), 0.5))
    with pytest.raises(ValueError, match="negative, infinite or NaN"):
        DenseCRF(photograph(5, 5), SETTINGS).infer(np.full((2, 5, 5), value))


def test_probabilities_of_another_image_are_refused():
    with pytest.raises(
        ValueError, match=r"their shape is \(2, 30, 20\) and the image's is \(20, 30\)"
    ):
        DenseCRF(photograph(20, 30), SETTINGS).infer(probabilities(2, (30, 20)))


def test_the_order_of_classes_does_not_matter():
    crf = DenseCRF(photograph(40, 50), SETTINGS)
    given = probabilities(4, (40, 50))
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(crf.infer(given)[order], crf.infer(given[order]), atol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    # The blur, too, is shared between threads then.
    monkeypatch.setattr(lattice, "_WORTH_THREADS", 0)
    monkeypatch.setattr(lattice, "_SMALLEST_TILE_PIXELS", 1024)
    image, given = noise(150, 200), probabilities(3, (150, 200))
    one, two = (DenseCRF(image, SETTINGS, threads=n).infer(given) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_inference_again_gives_the_same_and_reuses_the_lattice():
    crf = DenseCRF(photograph(40, 50), SETTINGS)
    given = probabilities(2, (40, 50))
    first = crf.infer(given)
    stronger = crf.infer(given, replace(SETTINGS, bilateral_weight=20))
    wider = crf.infer(given, replace(SETTINGS, bilateral_sigma_px=80))
    assert np.abs(stronger - first).max() > 0.01
    assert np.abs(wider - first).max() > 0.001
    np.testing.assert_array_equal(crf.infer(given), first)


@pytest.mark.parametrize(
    "name",
    ["gaussian_sigma_px", "bilateral_sigma_px", "bilateral_sigma_intensity", "depth_ratio"],
)
@pytest.mark.parametrize("silent", ["gaussian_weight", "bilateral_weight"])
def test_a_lattice_is_kept_as_long_as_its_sigmas_are_the_same(name, silent):
    image, given = noise(12, 10).reshape(3, 4, 10, 3), probabilities(2, (3, 4, 10))
    settings = replace(SETTINGS, gaussian_sigma_px=2, bilateral_sigma_px=3, **{silent: 0})
    crf = DenseCRF(image, settings)
    crf.infer(given)
    other = replace(settings, **{name: getattr(settings, name) / 2})
    np.testing.assert_array_equal(crf.infer(given, other), DenseCRF(image, other).infer(given))


def test_progress_is_told_after_every_iteration():
    told = []
    crf = DenseCRF(photograph(20, 30), SETTINGS)
    crf.infer(probabilities(2, (20, 30)), on_iteration=lambda *step: told.append(step))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_a_stop_ends_after_the_iteration_that_has_begun():
    given, told = probabilities(2, (20, 30)), []
    crf = DenseCRF(photograph(20, 30), SETTINGS)
    stopped = crf.infer(
        given,
        on_iteration=lambda *step: told.append(step),
        should_stop=lambda: len(told) == 2,
    )
    assert told[-1] == (3, 5)
    np.testing.assert_array_equal(stopped, crf.infer(given, replace(SETTINGS, iterations=3)))


def test_an_iteration_has_been_made_before_a_stop_is_asked_for():
    told = []
    crf = DenseCRF(photograph(20, 30), SETTINGS)
    crf.infer(
        probabilities(2, (20, 30)),
        on_iteration=lambda *step: told.append(step),
        should_stop=lambda: True,
    )
    assert told == [(1, 5), (2, 5)]


def test_clamped_pixels_stay_and_persuade_their_neighbours():
    image, given = np.full((20, 30, 3), 99, np.uint8), np.full((3, 20, 30), 1 / 3)
    clamped = np.full((20, 30), -1)
    clamped[5, 5], clamped[10, 20:] = 0, 2
    refined = DenseCRF(image, SETTINGS).infer(given, clamped=clamped)
    for label in (0, 2):
        np.testing.assert_array_equal(refined[label][clamped == label], 1)
    assert refined[2, 12, 25] > refined[0, 12, 25] > 0
    # As if the network had been sure of them.
    sure = np.where(clamped >= 0, np.arange(3)[:, None, None] == clamped, given)
    once = replace(SETTINGS, iterations=1)
    np.testing.assert_allclose(
        DenseCRF(image, once).infer(given, clamped=clamped),
        DenseCRF(image, once).infer(sure),
        atol=1e-3,
    )
    np.testing.assert_allclose(refined.sum(axis=0), 1, atol=1e-6)


def test_spacing_divides_the_sigmas():
    # Pixels three times as high as wide: 3 px across are 1 px down.
    image, given = photograph(40, 50), probabilities(2, (40, 50))
    spaced = DenseCRF(image, SETTINGS, spacing=(3, 1)).infer(given)
    assert np.abs(spaced - DenseCRF(image, SETTINGS).infer(given)).max() > 1e-3
    np.testing.assert_array_equal(spaced, DenseCRF(image, SETTINGS, spacing=(6, 2)).infer(given))


def test_depth_has_sigmas_of_its_own_in_volumes_alone():
    image = noise(12, 10).reshape(3, 4, 10, 3)
    given = probabilities(2, (3, 4, 10))
    deep = replace(SETTINGS, depth_ratio=0.5)
    by_ratio = DenseCRF(image, deep).infer(given)
    by_spacing = DenseCRF(image, SETTINGS, spacing=(2, 1, 1)).infer(given)
    np.testing.assert_array_equal(by_ratio, by_spacing)
    assert np.abs(by_ratio - DenseCRF(image, SETTINGS).infer(given)).max() > 1e-3
    flat, of_flat = image[0], given[:, 0]
    np.testing.assert_array_equal(
        DenseCRF(flat, deep).infer(of_flat), DenseCRF(flat, SETTINGS).infer(of_flat)
    )


def test_two_refinements_at_once_do_not_mix():
    jobs = [(noise(90, 80, seed), probabilities(2, (90, 80), seed)) for seed in range(4)]
    alone = [DenseCRF(image, SETTINGS).infer(given) for image, given in jobs]
    together: dict[int, np.ndarray] = {}

    def refine(index: int) -> None:
        image, given = jobs[index]
        for _ in range(5):
            together[index] = DenseCRF(image, SETTINGS).infer(given)

    threads = [threading.Thread(target=refine, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        np.testing.assert_array_equal(together[index], expected)


def test_keys_that_overflow_are_still_told_apart():
    pytest.importorskip("pydensecrf")
    # Twelve channels of tiny sigma: no 64 bits can hold such coordinates.
    image = np.concatenate([noise(12, 15, seed) for seed in range(4)], axis=2)
    settings = replace(SETTINGS, bilateral_sigma_intensity=0.01, bilateral_sigma_px=0.01)
    given = probabilities(2, (12, 15))
    ours, theirs = (
        DenseCRF(image / 2550, replace(settings, engine=engine, iterations=1)).infer(given)
        for engine in ("builtin", "pydensecrf")
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_after_warming_up_nothing_is_compiled():
    # No other test has nine classes.
    warm_up(9)

    def compiled() -> int:
        kernels = [*vars(mean_field_steps).values(), *vars(filtering).values()]
        return sum(len(getattr(kernel, "signatures", ())) for kernel in kernels)

    before = compiled()
    for image in (photograph(20, 30), photograph(20, 30)[..., :1]):
        DenseCRF(image, SETTINGS).infer(probabilities(9, (20, 30)))
    assert compiled() == before > 0


WITHOUT_COMPILER = """
import sys
from dataclasses import replace
import numpy as np
from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings
image, given = (np.load(name) for name in sys.argv[1:3])
settings = replace(CRFSettings.paper(), iterations=2)
np.save(sys.argv[3], DenseCRF(image, settings).infer(given))
"""


def test_kernels_give_the_same_without_the_compiler(tmp_path):
    image, given = photograph(7, 9), probabilities(3, (7, 9))
    names = [str(tmp_path / name) for name in ("image.npy", "given.npy", "refined.npy")]
    np.save(names[0], image)
    np.save(names[1], given)
    subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_COMPILER, *names],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
    )
    compiled = DenseCRF(image, replace(SETTINGS, iterations=2)).infer(given)
    np.testing.assert_allclose(np.load(names[2]), compiled, atol=1e-5)

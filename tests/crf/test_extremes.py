"""Whatever a setting is: marginals that are probabilities, or one sentence; never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import napari_fcn_crf as nfc
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.crf import dense_crf, lattice
from napari_fcn_crf.crf._kernels.lattice_building import _rank_line
from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.crf.features import FARTHEST
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from tests.crf.cases import noise, probabilities

NAMES = (
    "gaussian_sigma_px",
    "gaussian_weight",
    "bilateral_sigma_px",
    "bilateral_sigma_intensity",
    "bilateral_weight",
    "depth_ratio",
)
IMAGE, GIVEN = noise(40, 50), probabilities(3, (40, 50))
VOLUME, GIVEN_VOLUME = noise(30, 20).reshape(3, 10, 20, 3), probabilities(2, (3, 10, 20))

magnitudes = st.builds(
    lambda digits, power: digits * 10.0**power, st.floats(1, 10), st.integers(-30, 30)
)
numbers = magnitudes | st.sampled_from([0.0, -1.0, float("nan"), float("inf"), -float("inf")])
some = st.dictionaries(st.sampled_from(NAMES), numbers, min_size=1, max_size=3)
few = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_marginals(marginals: np.ndarray) -> None:
    assert (marginals >= 0).all()
    np.testing.assert_allclose(marginals.sum(axis=0), 1, atol=1e-4)


def check_sentence(text: str) -> None:
    assert len(text) <= 300
    assert text.isprintable()
    assert text.endswith(".")
    assert any(word in text for word in (*NAMES, "iterations", "spacing"))


@few
@given(changes=some)
@example(changes={"bilateral_sigma_intensity": 1e-6})
@example(changes={"gaussian_sigma_px": 1e-6})
@example(changes={"gaussian_sigma_px": 4.1e-4, "bilateral_weight": 1e4})
@example(changes={"gaussian_weight": float("inf")})
@example(changes={"bilateral_weight": 1e39})
def test_any_settings_of_the_function(changes: dict[str, float]) -> None:
    try:
        marginals = nfc.refine(IMAGE, GIVEN, CRFSettings(**changes, iterations=2))
    except ValueError as error:
        check_sentence(str(error))
    else:
        check_marginals(marginals)


@few
@given(steps=st.tuples(numbers, numbers, numbers), ratio=magnitudes)
@example(steps=(1e9, 1.0, 1.0), ratio=1.0)
@example(steps=(3e7, 1.0, 1.0), ratio=1.0)
@example(steps=(1e-30, 1.0, 1e30), ratio=1e9)
def test_any_size_of_a_volumes_pixels(steps: tuple[float, float, float], ratio: float) -> None:
    try:
        crf = CRFSettings(depth_ratio=ratio, iterations=1)
        marginals = nfc.refine(VOLUME, GIVEN_VOLUME, crf, volume_spacing=steps)
    except ValueError as error:
        check_sentence(str(error))
    else:
        check_marginals(marginals)


def test_a_single_plane_may_be_as_thick_as_it_likes() -> None:
    thick = nfc.refine(VOLUME[:1], GIVEN_VOLUME[:, :1], volume_spacing=(1e60, 1, 1))
    thin = nfc.refine(VOLUME[:1], GIVEN_VOLUME[:, :1], volume_spacing=(1, 1, 1))
    np.testing.assert_array_equal(thick, thin)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extremes")
    image_files.write_labels(folder / "image.tif", IMAGE[..., 0].astype(np.int32))
    image_files.write_probabilities(folder / "given.tif", GIVEN, (1, 2, 3))
    return folder


@settings(few, max_examples=20)
@given(changes=some)
def test_any_options_of_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, float]
) -> None:
    options = [f"--{name.replace('_', '-')}={value!r}" for name, value in changes.items()]
    files = [str(folder / "image.tif"), str(folder / "given.tif"), "-o", str(folder)]
    code = main(["refine", *files, *options, "--iterations=1"])
    told = capsys.readouterr().err.removeprefix("napari-fcn-crf: ").removesuffix("\n")
    if code:
        assert code == 2
        check_sentence(told)
    else:
        assert told == ""
        check_marginals(
            image_files.read_probabilities(folder / "image_refined_probabilities.tif").values
        )


CARD = ModelCard(
    class_values=(1, 2, 3),
    class_names=("1", "2", "3"),
    channels=3,
    intensity=IntensityMapping((0.0,) * 3, (255.0,) * 3),
    training=TrainingSettings(),
).to_json()
anything = numbers | st.integers() | st.text(max_size=5) | st.none() | st.lists(numbers, max_size=2)


@few
@given(changes=st.dictionaries(st.sampled_from((*NAMES, "iterations")), anything, max_size=2))
@example(changes={"iterations": 10**400})
@example(changes={"iterations": 10**6})
@example(changes={"iterations": 1.5})
@example(changes={"gaussian_weight": "\x1b" * 1000})
def test_any_settings_of_a_model_file(changes: dict[str, Any]) -> None:
    values = json.loads(CARD)
    values["crf"] |= {"iterations": 1} | changes
    try:
        kept = ModelCard.from_json(json.dumps(values)).crf
        marginals = nfc.refine(IMAGE, GIVEN, kept)
    except ValueError as error:
        check_sentence(str(error))
    else:
        check_marginals(marginals)


@pytest.mark.parametrize("kept", [None, [], "settings", 3])
def test_crf_settings_of_a_model_file_that_are_none(kept: Any) -> None:
    text = json.dumps(json.loads(CARD) | {"crf": kept})
    with pytest.raises(ValueError, match="CRF settings kept in the model cannot be used"):
        ModelCard.from_json(text)


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"gaussian_sigma_px": 1e-4}, 49 / FARTHEST),
        ({"bilateral_sigma_px": 1e-4}, 49 / FARTHEST),
        ({"bilateral_sigma_intensity": 1e-4}, 510 / FARTHEST),
    ],
)
def test_the_least_sigma_is_told_and_is_enough(changes: dict[str, float], least: float) -> None:
    ((name, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"\({name}\) must be at least") as refused:
        nfc.refine(IMAGE, GIVEN, CRFSettings(**changes))
    told = float(str(refused.value).split("at least ")[1].split()[0])
    assert least <= told < 1.2 * least
    check_marginals(nfc.refine(IMAGE, GIVEN, CRFSettings(**{name: told})))
    # What has no weight is not looked at.
    weight = name.split("_")[0] + "_weight"
    check_marginals(nfc.refine(IMAGE, GIVEN, CRFSettings(**{name: value, weight: 0})))


def test_parts_of_a_large_image_are_refused_before_the_first(monkeypatch) -> None:
    monkeypatch.setattr(dense_crf, "_BYTES_AT_ONCE", 200 * 200)
    small = CRFSettings(gaussian_sigma_px=30 / FARTHEST, bilateral_sigma_px=1)
    with pytest.raises(ValueError, match=r"gaussian_sigma_px\) must be at least"):
        DenseCRF(IMAGE, small).infer(GIVEN, on_iteration=lambda *_: pytest.fail("too late"))


def test_more_slots_than_can_be_numbered_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(lattice, "_MOST_SLOTS_IN_ALL", 3000)
    with pytest.raises(ValueError, match="Choose smaller radii, or refine a region"):
        nfc.refine(IMAGE, GIVEN)


@pytest.mark.parametrize("scale", [1e6, 1e9, 1e30, np.inf, np.nan])
def test_no_rank_leads_out_of_an_array(scale: float) -> None:
    # Beyond what `DenseCRF` lets through.
    d, n = 5, 1000
    elevated = np.random.default_rng(0).normal(size=(d + 1, n))
    elevated = ((elevated - elevated.mean(axis=0)) * scale).astype(np.float32)
    nearest, rank = np.zeros((2, d + 1, n), np.int32)
    total, offset = np.zeros(n, np.int32), np.zeros((d + 1, n), np.float32)
    with np.errstate(all="ignore"):
        plain = getattr(_rank_line, "py_func", _rank_line)
        plain(elevated, n, (nearest, rank, offset), total)
    assert rank.min() >= 0
    assert rank.max() <= d

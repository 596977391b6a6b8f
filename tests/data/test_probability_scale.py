"""Probabilities that other programs exported as whole numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data.image_files import read_probabilities
from napari_fcn_crf.data.probability_scale import on_unit_scale
from napari_fcn_crf.data.probability_sources import class_axis_first, from_single_classes
from napari_fcn_crf.pipeline.refinement import refine
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import CRFSettings

TRUE = np.random.default_rng(0).dirichlet([1, 1, 1], (40, 50)).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("dtype", "full"), [("u1", 255), ("u2", 65535), (">u2", 65535), ("i4", 255), ("i4", 65535)]
)
def test_exports_are_scaled_and_sum_to_one(dtype: str, full: int) -> None:
    exported = np.rint(TRUE * full).astype(dtype)
    scaled, note = on_unit_scale(exported)
    np.testing.assert_allclose(scaled, TRUE, atol=1 / full)
    np.testing.assert_allclose(scaled.sum(axis=0), 1, atol=1e-5)
    assert f"whole numbers up to {full}" in note
    last = class_axis_first(np.moveaxis(exported, 0, -1), (40, 50))
    np.testing.assert_array_equal(last, scaled)


def test_others_are_left_alone() -> None:
    hard = (TRUE.max(axis=0) == TRUE).astype(np.uint8)
    for array in (TRUE, TRUE.astype(np.float32), hard, hard > 0, TRUE * 255):
        same, note = on_unit_scale(array)
        assert same is array
        assert note == ""


def test_numbers_that_are_no_probabilities_are_refused() -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 50), np.uint8)
    wrong = np.random.default_rng(1).integers(0, 255, (3, 40, 50), np.uint8)
    with pytest.raises(ValueError, match="sum over the classes"):
        refine(image, wrong)


def test_single_classes_of_eight_bits() -> None:
    foreground = np.rint(TRUE[0] * 255).astype(np.uint8)
    both = from_single_classes([foreground])
    np.testing.assert_allclose(both[1], TRUE[0], atol=1 / 255)
    absent = np.zeros((40, 50), np.uint8)
    one = from_single_classes([np.rint(TRUE[0] * 255).astype(np.uint8), absent])
    np.testing.assert_allclose(one[0][TRUE[0] > 0.01], 1)


def test_refine_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 50), np.uint8)
    exported = np.rint(TRUE * 255).astype(np.uint8)
    notes = set()
    nothing = CRFSettings(iterations=0)

    def on_progress(progress: Progress) -> None:
        notes.add(progress.note)

    refined = refine(image, exported, nothing, on_progress)
    np.testing.assert_allclose(refined, TRUE, atol=1 / 255)
    assert len(notes) == 1
    tifffile.imwrite(tmp_path / "a.tif", image)
    tifffile.imwrite(tmp_path / "p.tif", exported, imagej=True, metadata={"axes": "CYX"})
    files = [str(tmp_path / "a.tif"), str(tmp_path / "p.tif")]
    assert main(["refine", *files, "-o", str(tmp_path), "--iterations", "0"]) == 0
    assert capsys.readouterr().err.count("were divided by 255") == 1
    written = read_probabilities(tmp_path / "a_refined_probabilities.tif").values
    np.testing.assert_allclose(written, TRUE, atol=1 / 255)

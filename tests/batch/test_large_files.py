"""`predict` and `refine` of OME-Zarr images and large TIFF files: by blocks, as if in memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import napari_fcn_crf as nfc
from napari_fcn_crf.batch.large_files import LargeRefinement, open_lazy_probabilities
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.growing_array import CHUNK_PX
from napari_fcn_crf.data.ome_zarr.probabilities import open_probabilities
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.reading import tiff_lazy
from napari_fcn_crf.pipeline import blocks
from tests.commands import carry_out, refusal

CPU = ("--device", "cpu")
SOFT = ("--bilateral-sigma-px", "8", "--gaussian-sigma-px", "3", "--iterations", "2")


@pytest.fixture
def image(tiny_image: np.ndarray) -> np.ndarray:
    """Cats, wider than a block of what is stored."""
    assert CHUNK_PX == 512
    return np.tile(tiny_image, (4, 9, 1))[3:203, 5:605].copy()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 256 pixels, and a CRF that has room for no more than that with its margins."""
    monkeypatch.setattr(blocks, "_PREDICTED_PX", 256)
    monkeypatch.setattr(blocks, "CHUNK_PX", 256)
    monkeypatch.setattr(blocks, "_REFINED_BYTES", 1 << 25)


@pytest.mark.usefixtures("small_blocks")
def test_predicted_and_refined_as_a_small_file_is(
    image: np.ndarray, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    tifffile.imwrite(tmp_path / "small.tif", image)
    zarr.create_array(str(tmp_path / "cats.zarr"), data=image, chunks=(100, 130, 3))
    given = (tmp_path / "cats.zarr", tmp_path / "small.tif")
    said = carry_out(("predict", model_path, *given, "-o", out, *CPU), capfd)
    assert said == f"2 images predicted. Wrote {out}\n"
    names = {
        "cats_predicted.zarr",
        "cats_predicted_probabilities.zarr",
        "small_predicted.tif",
        "small_predicted_probabilities.tif",
    }
    assert {path.name for path in out.iterdir()} == names
    small = image_files.read_probabilities(out / "small_predicted_probabilities.tif")
    found = open_probabilities(out / "cats_predicted_probabilities.zarr")
    assert found.class_values == (3, 7)
    np.testing.assert_allclose(found.array[...], small.values, atol=1e-5)
    labels = image_files.read_labels(out / "small_predicted.tif")
    np.testing.assert_array_equal(read_ome_zarr(out / "cats_predicted.zarr").array[...], labels)

    for name, end in (("cats", "zarr"), ("small", "tif")):
        path = tmp_path / f"{name}.{end}"
        probabilities = out / f"{name}_predicted_probabilities.{end}"
        refined = ("refine", path, probabilities, "-o", out, "--model", model_path, *SOFT)
        said = carry_out(refined, capfd)
        assert said.endswith(f"of the pixels changed. Wrote {out}\n")
    small_labels = image_files.read_labels(out / "small_refined.tif")
    large_labels = read_ome_zarr(out / "cats_refined.zarr").array[...]
    assert (small_labels == large_labels).mean() >= 0.9999
    assert (small_labels != labels).mean() > 0.001
    large = open_probabilities(out / "cats_refined_probabilities.zarr")
    assert large.class_values == (3, 7)
    np.testing.assert_allclose(np.asarray(large.array[...]).sum(axis=0), 1, atol=1e-5)
    again = ("refine", given[0], out / "cats_predicted_probabilities.zarr", "-o", out)
    assert "would replace" in refusal([*map(str, again)], capfd)


@pytest.mark.usefixtures("small_blocks")
def test_a_large_tiff_and_what_an_ended_run_has_left(
    image: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    tifffile.imwrite(tmp_path / "cats.tif", image, tile=(64, 64), compression="zlib")
    monkeypatch.setattr(tiff_lazy, "_LOOKED_AT_BYTES", 0)
    monkeypatch.setattr(tiff_lazy, "LARGE_BYTES", 1000)
    command = ("predict", model_path, tmp_path / "cats.tif", "-o", out, *CPU)
    carry_out(command, capfd)
    model = nfc.load_model(model_path)
    found = open_lazy_probabilities(out / "cats_predicted_probabilities.zarr").array[...]
    np.testing.assert_allclose(found, nfc.predict(model, image), atol=1e-5)

    refine = LargeRefinement._refine
    done: list[int] = []

    def interrupted(self: LargeRefinement, block: blocks.Block, *others: object) -> None:
        if len(done) == 1:
            raise KeyboardInterrupt
        refine(self, block, *others)
        done.append(block.number)

    monkeypatch.setattr(LargeRefinement, "_refine", interrupted)
    probabilities = out / "cats_predicted_probabilities.zarr"
    command = ("refine", tmp_path / "cats.tif", probabilities, "-o", out, *SOFT)
    before = dict(os.environ)
    assert main([*map(str, command)]) == 130
    assert "stopped" in capfd.readouterr().err
    os.environ.clear()
    os.environ.update(before)
    assert not (out / "cats_refined.zarr").exists()
    assert done == [0]

    def go_on(self: LargeRefinement, block: blocks.Block, *others: object) -> None:
        done.append(block.number)
        refine(self, block, *others)

    monkeypatch.setattr(LargeRefinement, "_refine", go_on)
    said = carry_out(command, capfd)
    assert sorted(done) == list(range(len(done))), "none is done twice"
    assert len(done) > 2
    assert not list(out.glob(".*"))
    labels = read_ome_zarr(out / "cats_refined.zarr").array[...]
    changed = (labels != np.where(found[1] > found[0], 7, 3)).mean()
    assert changed > 0
    assert said.startswith(f"{changed:.1%} of the pixels changed")


def test_what_is_no_probabilities(
    image: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cats.zarr"
    zarr.create_array(str(path), data=image)
    wrong = tmp_path / "wrong.zarr"
    zarr.create_array(str(wrong), data=np.zeros((2, 30, 40), np.float32))
    command = ["refine", str(path), str(wrong), "-o", str(tmp_path / "out")]
    assert "(2, 30, 40)" in refusal(command, capfd)
    assert not list(tmp_path.glob("out/*"))

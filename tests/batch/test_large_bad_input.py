"""What can be wrong with large images: a sentence that names the file, and the rest goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.segmentation import Segmenter
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data.reading import tiff_lazy
from tests.batch.test_batch import batch, contents
from tests.commands import kept_environment, refusal

QUICK = ("--no-refine", "--probabilities")


@pytest.fixture
def stores(tmp_path: Path, tiny_image: np.ndarray) -> Path:
    """A folder with a small image, a larger one and another small one, in zarr folders."""
    folder = tmp_path / "stores"
    folder.mkdir()
    for name, image in {
        "a1": tiny_image,
        "a2": np.tile(tiny_image, (5, 4, 1)),
        "a3": tiny_image[::-1].copy(),
    }.items():
        zarr.create_array(str(folder / f"{name}.zarr"), data=image, zarr_format=2)
    return folder


def results(folder: Path) -> set[str]:
    """Return the names of what is finished in a folder."""
    return {path.name for path in folder.glob("*.zarr")}


def test_no_room_for_one_of_several_stores(
    stores: Path,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    load = Segmenter.load

    def then_little_room(path: Path, recipe: Recipe) -> Segmenter:
        segmenter = load(path, recipe)
        # As much as a small image's probabilities take.
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
        return segmenter

    monkeypatch.setattr(Segmenter, "load", then_little_room)
    command = (model_path, stores, "-o", out, *QUICK)
    try:
        assert batch(*command) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    error = capfd.readouterr().err
    assert "a2_predicted.zarr could not be written (File too large). Free some space" in error
    assert error.count("\n") == 1
    small = {
        f"{name}_predicted{end}.zarr" for name in ("a1", "a3") for end in ("", "_probabilities")
    }
    assert results(out) == small
    # With room, the same command does the rest, and what it had begun is no longer there.
    assert batch(*command, "--retry-failed") == 0
    assert results(out) == small | {"a2_predicted.zarr", "a2_predicted_probabilities.zarr"}
    assert not list(out.glob(".*"))


def test_a_result_that_is_an_input(
    stores: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (stores / "a3.zarr").rename(stores / "a1_predicted.zarr")
    before = contents(stores)
    given = [str(stores / "a1.zarr"), str(stores / "a1_predicted.zarr")]
    command = ["batch", str(model_path), *given, "-o", str(stores), "--overwrite", "--no-refine"]
    assert "which is to be read" in refusal(command, capfd)
    alone = ["predict", str(model_path), *given, "-o", str(stores), "--overwrite"]
    assert "which is to be read" in refusal(alone, capfd)
    assert contents(stores) == before


def test_a_broken_tile_of_a_large_tiff_and_one_that_is_not_there(
    tmp_path: Path,
    tiny_image: np.ndarray,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    image = np.tile(tiny_image, (2, 2, 1))
    for name in ("broken", "good"):
        tifffile.imwrite(images / f"{name}.tif", image, tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(images / "broken.tif") as file:
        at = file.pages[0].dataoffsets[-1]
    data = bytearray((images / "broken.tif").read_bytes())
    data[at + 8 : at + 40] = bytes(32)
    (images / "broken.tif").write_bytes(data)
    monkeypatch.setattr(tiff_lazy, "_LOOKED_AT_BYTES", 0)
    monkeypatch.setattr(tiff_lazy, "LARGE_BYTES", 1000)
    missing = images / "none.tif"
    for command in ("batch", "predict"):
        with kept_environment():
            more = [str(missing), "--no-refine"] if command == "batch" else []
            given = [str(model_path), str(images), *more, "-o", str(out)]
            assert main([command, *given, "--device", "cpu"]) == 3
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == (2 if command == "batch" else 1)
        assert any("broken.tif cannot be read at rows" in line for line in lines)
        assert command == "predict" or any("none.tif" in line for line in lines)
        assert {name.split("_")[0] for name in results(out)} == {"good"}
        shutil.rmtree(out)

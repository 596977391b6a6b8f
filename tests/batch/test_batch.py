"""Many images by one command, on real files: results, and what goes wrong with single ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import napari_fcn_crf as nfc
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.batch.segmentation import Segmenter
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.reading import tiff_lazy
from tests.commands import carry_out, refusal

CPU = ("--device", "cpu")


def contents(folder: Path) -> dict[str, bytes]:
    """Return all results in a folder, hidden files too, but not the ledger, which has times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("ledger")
    }


def batch(*arguments: object) -> int:
    """Run the command, which may fail for some of the images; return its exit code."""
    before = dict(os.environ)
    try:
        return main(["batch", *map(str, arguments), *CPU])
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_results_are_those_of_predict_and_refine(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("--probabilities", "--iterations", "2")
    said = carry_out(("batch", model_path, plate, "-o", out, *options, *CPU), capfd)
    assert said == f"4 images done. Results are in {out}\n"
    names = {f"a{k}_refined{end}.tif" for k in range(1, 5) for end in ("", "_probabilities")}
    assert set(contents(out)) == names
    model = nfc.load_model(model_path)
    image = tifffile.imread(plate / "a3.tif")
    mapping = model.card.intensity
    expected = nfc.refine(
        image, nfc.predict(model, image), nfc.CRFSettings(iterations=2), intensity=mapping
    )
    found = image_files.read_probabilities(out / "a3_refined_probabilities.tif")
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert found.class_values == (3, 7)
    labels = image_files.read_labels(out / "a3_refined.tif")
    np.testing.assert_array_equal(labels, model.to_labels(found.values))


def test_without_refinement_and_with_tidying(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, tidy = tmp_path / "out", tmp_path / "tidy"
    carry_out(("batch", model_path, plate / "a1.tif", "-o", out, "--no-refine", *CPU), capfd)
    model, image = nfc.load_model(model_path), tifffile.imread(plate / "a1.tif")
    labels = image_files.read_labels(out / "a1_predicted.tif")
    np.testing.assert_array_equal(labels, model.to_labels(nfc.predict(model, image)))
    arguments = ("batch", model_path, plate / "a1.tif", "-o", tidy, "--no-refine", *CPU)
    carry_out((*arguments, "--minimum-px", 500), capfd)
    from napari_fcn_crf.results.cleanup import remove_small_regions

    expected = remove_small_regions(labels, 500)
    assert (expected != labels).any()
    np.testing.assert_array_equal(image_files.read_labels(tidy / "a1_predicted.tif"), expected)


def test_labels_are_written_in_further_formats(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, alone = tmp_path / "out", tmp_path / "alone"
    command = ("batch", model_path, plate / "a1.tif", "-o", out, *CPU)
    formats = ("--export", "geojson", "--export", "classes")
    carry_out((*command, *formats), capfd)
    labels = out / "a1_refined.tif"
    carry_out(("export", labels, "-o", alone, "--model", model_path, *_as_formats(formats)), capfd)
    outlines = json.loads((out / "a1_refined.geojson").read_text())
    assert outlines == json.loads((alone / "a1_refined.geojson").read_text())
    assert (out / "a1_refined.classes.csv").read_text().count("\n") == 3
    # One that is gone is missing, as one of labels is.
    (out / "a1_refined.geojson").unlink()
    assert "(its result is missing)" in carry_out((*command, *formats, "--dry-run"), capfd)


def _as_formats(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(option.replace("--export", "--format") for option in options)


def test_a_large_tiff_is_read_and_segmented_block_by_block(
    plate: Path,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    image = tifffile.imread(plate / "a1.tif")
    zarr.create_array(str(images / "stored.zarr"), data=image)
    tifffile.imwrite(images / "tiles.tif", image, tile=(32, 32), compression="zlib")
    tifffile.imwrite(images / "whole.tif", image, byteorder=">")
    tifffile.imwrite(images / "white.tif", image[..., 0], photometric="miniswhite")
    monkeypatch.setattr(tiff_lazy, "_LOOKED_AT_BYTES", 0)
    monkeypatch.setattr(tiff_lazy, "LARGE_BYTES", 1000)
    assert batch(model_path, images, "-o", out) == 3
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "white.tif is too large to be read whole, and its pixels are gray of which 0" in error
    assert not list(out.glob("*.tif"))
    expected = read_ome_zarr(out / "stored_refined.zarr").array[:]
    assert set(np.unique(expected)) == {3, 7}
    for name in ("tiles", "whole"):
        found = read_ome_zarr(out / f"{name}_refined.zarr")
        np.testing.assert_array_equal(found.array[:], expected)


def test_the_same_command_does_what_is_missing_or_changed(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ("batch", model_path, plate, "-o", out, *CPU)
    carry_out(command, capfd)
    first = contents(out)
    assert carry_out(command, capfd).startswith("0 images done, 4 done before.")
    (out / "a2_refined.tif").unlink()
    tifffile.imwrite(plate / "a5.tif", tifffile.imread(plate / "a1.tif"))
    said = carry_out((*command, "--dry-run"), capfd)
    assert f"would do     {plate / 'a2.tif'}  (its result is missing)" in said
    assert f"would do     {plate / 'a5.tif'}  (new)" in said
    assert said.endswith("2 to do, 3 done, 0 failed before\n")
    assert not (out / "a2_refined.tif").exists()
    assert carry_out(command, capfd).startswith("2 images done, 3 done before.")
    assert contents(out) == first | {"a5_refined.tif": first["a1_refined.tif"]}

    shutil.copy(plate / "a1.tif", plate / "a3.tif")
    assert carry_out(command, capfd).startswith("1 image done, 4 done before.")
    assert contents(out)["a3_refined.tif"] == first["a1_refined.tif"]
    said = carry_out((*command, "--iterations", 1, "--dry-run"), capfd)
    assert "(other model or settings)" in said
    assert "5 to do" in said
    assert "5 to do" in carry_out((*command, "--overwrite", "--dry-run"), capfd)


def test_results_of_others_are_not_replaced(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (out / "a1_refined.tif").write_text("mine")
    command = ["batch", str(model_path), str(plate / "a1.tif"), "-o", str(out), *CPU]
    assert "which is of another run" in refusal(command, capfd)
    assert (out / "a1_refined.tif").read_text() == "mine"
    carry_out((*command, "--overwrite"), capfd)

    tifffile.imwrite(other / "a1.tif", tifffile.imread(plate / "a2.tif")[:, :64])
    same_name = ["batch", str(model_path), str(other / "a1.tif"), "-o", str(out), *CPU]
    assert f"which is the result of {plate / 'a1.tif'}" in refusal(same_name, capfd)

    (out / "a1_refined.tif").write_text("corrected by hand")
    assert carry_out(command, capfd).startswith("0 images done, 1 done before.")
    assert "changed since it was written" in refusal([*command, "--iterations", "1"], capfd)
    assert (out / "a1_refined.tif").read_text() == "corrected by hand"


def test_an_output_that_is_an_input_is_refused(
    plate: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = plate / "a1_refined.tif"
    (plate / "a1.tif").rename(image)
    (plate / "a2.tif").rename(plate / "a1.tif")
    before = contents(plate)
    images = [str(plate / "a1.tif"), str(plate / "a3.tif")]
    os.link(image, plate / "b.tif")
    (plate / "b_refined.tif").symlink_to(plate / "a3.tif")
    images.append(str(plate / "b.tif"))
    command = ["batch", str(model_path), *images, "-o", str(plate), "--overwrite", *CPU]
    assert "which is to be read" in refusal(command, capfd)
    (plate / "b_refined.tif").unlink()
    (plate / "b.tif").unlink()
    assert contents(plate) == before


def test_one_bad_image_never_stops_the_rest(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    whole = (plate / "a2.tif").read_bytes()
    (plate / "a2.tif").write_bytes(whole[: len(whole) // 3])
    tifffile.imwrite(plate / "a3.tif", np.zeros((60, 70), np.uint8))
    tifffile.imwrite(plate / "a5.tif", np.zeros((8, 9, 3), np.uint8))
    missing = plate / "none.tif"
    command = [model_path, plate, missing, "-o", out]
    assert batch(*command) == 3
    said, error = capfd.readouterr()
    assert said.startswith("2 images done, 4 failed, see failed.txt.")
    lines = error.splitlines()
    assert len(lines) == 4
    for name, text in {
        "a2.tif": "a2.tif",
        "a3.tif": "has 1",
        "a5.tif": "at least 32 x 32",
        "none.tif": "there is no file",
    }.items():
        assert any(name in line and text in line for line in lines), name
    listed = (out / "failed.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == [
        str(plate / name) for name in ("a2.tif", "a3.tif", "a5.tif", "none.tif")
    ]
    assert {"a1_refined.tif", "a4_refined.tif", "failed.txt"} == set(contents(out))

    # What has failed is not tried again, unless it changed or that is asked for.
    (plate / "a2.tif").write_bytes(whole)
    assert batch(*command) == 3
    said, error = capfd.readouterr()
    assert said.startswith("1 image done, 2 done before, 3 failed, see failed.txt (--retry")
    assert error == ""
    assert batch(*command, "--retry-failed") == 3
    assert len(capfd.readouterr().err.splitlines()) == 3
    for name in ("a3", "a5"):
        shutil.copy(plate / "a1.tif", plate / f"{name}.tif")
    shutil.copy(plate / "a1.tif", missing)
    assert batch(*command, "--retry-failed") == 0
    assert not (out / "failed.txt").exists()


def test_an_image_that_changes_meanwhile(
    plate: Path, tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_fcn_crf.batch import segmentation

    predict = segmentation.predict

    def slow(model: object, picture: object, *arguments: object, **options: object) -> object:
        if picture.name == "a2.tif":  # type: ignore[attr-defined]
            shutil.copy(plate / "a1.tif", plate / "a2.tif")
        return predict(model, picture, *arguments, **options)

    monkeypatch.setattr(segmentation, "predict", slow)
    out = tmp_path / "out"
    assert batch(model_path, plate, "-o", out) == 3
    assert "a2.tif changed while it was read" in (out / "failed.txt").read_text()
    assert "a2_refined.tif" not in contents(out)
    monkeypatch.undo()
    assert batch(model_path, plate, "-o", out) == 0
    found = contents(out)
    assert found["a2_refined.tif"] == found["a1_refined.tif"]


def test_no_room_for_one_result(
    plate: Path,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "out"
    noise = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    tifffile.imwrite(plate / "a2.tif", np.tile(noise, (9, 9, 1)))
    command = (model_path, plate, "-o", out, "--no-refine", "--probabilities")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    load = Segmenter.load

    def then_little_room(path: Path, recipe: Recipe) -> Segmenter:
        segmenter = load(path, recipe)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
        return segmenter

    monkeypatch.setattr(Segmenter, "load", then_little_room)
    try:
        assert batch(*command) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    error = capfd.readouterr().err
    assert "a2_predicted_probabilities.tif could not be written (File too large)" in error
    assert error.count("\n") == 1
    assert "a2_predicted_probabilities.tif" not in contents(out)
    assert not [name for name in contents(out) if name.startswith(".")]
    assert batch(*command, "--retry-failed") == 0
    assert "a2_predicted_probabilities.tif" in contents(out)


def test_parts_are_the_whole(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    carry_out(("batch", model_path, plate, "-o", whole, *CPU), capfd)
    for part, count in (("1/3", 2), ("2/3", 1), ("3/3", 1)):
        said = carry_out(("batch", model_path, plate, "-o", parts, "--shard", part, *CPU), capfd)
        assert said.startswith(f"{count} image")
    assert contents(parts) == contents(whole)
    said = carry_out(("batch", model_path, plate, "-o", parts, *CPU), capfd)
    assert said.startswith("0 images done, 4 done before.")
    assert {path.name for path in parts.glob("ledger*")} >= {"ledger-2-of-3.jsonl"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shard", "0/3"], "from 1/8 to 8/8"),
        (["--shard", "4/3"], "from 1/8 to 8/8"),
        (["--workers", "0"], "a whole number from 1 on"),
        (["--minimum-px", "x"], "a whole number from 1 on"),
    ],
)
def test_options_are_checked(
    options: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert message in refusal(["batch", "m.keras", "a.tif", "-o", "out", *options], capfd)


def test_two_images_of_one_name(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(plate, tmp_path / "other")
    command = ["batch", model_path, plate, tmp_path / "other", "-o", tmp_path / "out"]
    assert "have the same name" in refusal(list(map(str, command)), capfd)


def test_notes_are_told_once(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a1", "a2", "a3", "a4"):
        image = tifffile.imread(plate / f"{name}.tif")
        tifffile.imwrite(plate / f"{name}.tif", image.astype(np.uint16) * 200)
    assert batch(model_path, plate, "-o", tmp_path / "out") == 0
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "a1.tif: The image is uint16" in lines[0]
    assert "The same as of a1.tif goes for 3 more images." in lines[1]


def test_the_ledger_says_what_it_took(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    carry_out(("batch", model_path, plate / "a1.tif", "-o", out, *CPU), capfd)
    entry = Ledger(out).entries["a1"]
    assert entry.state == "done"
    assert entry.input == str(plate / "a1.tif")
    assert entry.size == (plate / "a1.tif").stat().st_size
    assert entry.outputs == {"a1_refined.tif": (out / "a1_refined.tif").stat().st_size}
    assert entry.seconds > 0

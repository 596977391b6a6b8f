"""OME-Zarr images in a batch: block by block as in memory, and what is wrong with some."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr

import napari_fcn_crf as nfc
from napari_fcn_crf.data import growing_array
from napari_fcn_crf.data.ome_zarr import labels as ome_labels
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.data.unfinished import Unfinished
from napari_fcn_crf.pipeline import blocks
from tests.batch.test_batch import CPU, batch, contents
from tests.commands import carry_out

QUICK = ("--bilateral-sigma-px", 8, "--gaussian-sigma-px", 3)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 128 pixels, in pieces of half that size."""
    monkeypatch.setattr(blocks, "_PREDICTED_PX", 128)
    monkeypatch.setattr(blocks, "CHUNK_PX", 128)
    for module in (growing_array, ome_labels):
        monkeypatch.setattr(module, "CHUNK_PX", 64)
    monkeypatch.setattr(ome_labels, "_SMALLEST_LEVEL_PX", 64)
    monkeypatch.setattr(blocks, "_REFINED_BYTES", 10_000_000)


def write_image(
    path: Path, image: np.ndarray, axes: str = "cyx", version: str = "0.4", **more: Any
) -> Path:
    """Write an OME-Zarr image whose pixels are 0.5 um wide."""
    kinds = {"c": "channel", "t": "time"}
    said: dict[str, Any] = {
        "axes": [
            {"name": axis, "type": kinds.get(axis, "space")}
            | ({} if axis in "ct" else {"unit": "micrometer"})
            for axis in axes
        ],
        "datasets": [
            {
                "path": "s0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0 if axis in "ct" else 0.5 for axis in axes]},
                    {
                        "type": "translation",
                        "translation": [0.0 if axis in "ct" else 20.0 for axis in axes],
                    },
                ],
            }
        ],
    }
    attributes: dict[str, Any] = {"multiscales": [{"version": version, **said}], **more}
    if version != "0.4":
        attributes = {"ome": {"version": version, "multiscales": [said]}}
    group = zarr.create_group(
        str(path), zarr_format=2 if version == "0.4" else 3, attributes=attributes
    )
    chunks = tuple(1 if axis in "ctz" else 100 for axis in axes)
    names: Any = {} if version == "0.4" else {"dimension_names": list(axes)}
    array = group.create_array("s0", shape=image.shape, dtype=image.dtype, chunks=chunks, **names)
    array[...] = image
    return path


@pytest.fixture
def cats(tiny_image: np.ndarray) -> np.ndarray:
    """Cats, 201 x 180 RGB pixels."""
    return np.tile(tiny_image, (4, 3, 1))[5:206, 9:189].copy()


@pytest.fixture
def store(tmp_path: Path, cats: np.ndarray) -> Path:
    return write_image(tmp_path / "a1.zarr", np.moveaxis(cats, -1, 0))


def test_probabilities_are_written_with_labels(
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    capfd: pytest.CaptureFixture[str],
) -> None:
    frames = np.stack([cats, cats[::-1]])
    zarr.create_array(str(tmp_path / "a.zarr"), data=frames, chunks=(1, 64, 64, 3))
    out = tmp_path / "out"
    command = ("batch", model_path, tmp_path / "a.zarr", "-o", out, *QUICK, *CPU)
    carry_out((*command, "--axes", "tyxc", "--probabilities"), capfd)
    found = read_ome_zarr(out / "a_refined_probabilities.zarr")
    assert (found.axes, found.array.dtype) == ("tcyx", np.float32)
    yaozarrs.validate_zarr_store(str(out / "a_refined_probabilities.zarr"))
    probabilities = np.moveaxis(found.array[:], 1, 0)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    labels = read_ome_zarr(out / "a_refined.zarr").array[:]
    np.testing.assert_array_equal(model.to_labels(probabilities), labels)
    group = zarr.open_group(str(out / "a_refined_probabilities.zarr"), mode="r")
    np.testing.assert_array_equal(group["1"], found.array[:][..., ::2, ::2])
    # Nothing else is left, and the same command has nothing to do.
    names = {"a_refined.zarr", "a_refined_probabilities.zarr", "ledger.jsonl"}
    assert {path.name for path in out.iterdir()} == names
    command = (*command, "--axes", "tyxc", "--probabilities")
    assert carry_out(command, capfd).startswith("0 images done, 1 done before.")


def test_what_was_named_before_a_process_was_killed_stays(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path / "labels.zarr", ".zarr")

    def create(path: Path) -> None:
        path.mkdir()
        further = unfinished.further("probabilities")
        further.mkdir()
        (further / "whole").touch()

    (tmp_path / "p.zarr").mkdir()
    unfinished.begin({}, create)
    for _ in range(2):
        unfinished.finish_further("probabilities", tmp_path / "p.zarr")
        assert (tmp_path / "p.zarr" / "whole").exists()
    unfinished.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"labels.zarr", "p.zarr"}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_those_of_memory(
    version: str,
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    capfd: pytest.CaptureFixture[str],
) -> None:
    image = write_image(tmp_path / "a1.ome.zarr", np.moveaxis(cats, -1, 0), version=version)
    out = tmp_path / "out"
    command = ("batch", model_path, image, "-o", out, *QUICK, *CPU, "--ome-zarr-version", version)
    assert carry_out(command, capfd) == f"1 image done. Results are in {out}\n"
    found = out / "a1_refined.zarr"
    group = zarr.open_group(str(found), mode="r")
    settings = nfc.CRFSettings(bilateral_sigma_px=8, gaussian_sigma_px=3)
    probabilities = nfc.predict(model, cats)
    expected = nfc.refine(cats, probabilities, settings, intensity=model.card.intensity)
    expected = model.to_labels(expected)
    labels = np.asarray(group["0"])
    assert labels.dtype == np.uint8
    assert (labels == expected).mean() >= 0.9995
    assert [group[str(level)].shape for level in range(3)] == [(201, 180), (101, 90), (51, 45)]
    np.testing.assert_array_equal(group["2"], labels[::4, ::4])

    said = dict(group.attrs)
    node = yaozarrs.validate_ome_object(
        said if version == "0.4" else said["ome"],
        yaozarrs.v04.LabelImage if version == "0.4" else yaozarrs.v05.LabelImage,
    )
    yaozarrs.validate_zarr_store(str(found))
    (scales,) = node.multiscales
    assert [axis.name for axis in scales.axes] == ["y", "x"]
    assert {axis.unit for axis in scales.axes} == {"micrometer"}
    assert scales.datasets[2].coordinateTransformations[0].scale == [2.0, 2.0]
    assert scales.datasets[2].coordinateTransformations[1].translation == [20.0, 20.0]
    image_label = said.get("ome", said)["image-label"]
    assert [one["label-value"] for one in image_label["properties"]] == [3, 7]
    picture = read_ome_zarr(found)
    assert picture.axes == "yx"
    np.testing.assert_allclose(picture.place.spacing, [5e-7, 5e-7])
    np.testing.assert_allclose(picture.place.matrix[:-1, -1], [2e-5, 2e-5])
    assert carry_out(command, capfd).startswith("0 images done, 1 done before.")
    assert {path.name for path in out.iterdir()} == {"a1_refined.zarr", "ledger.jsonl"}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_go_into_the_image(
    version: str,
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    image = write_image(tmp_path / "a1.zarr", np.moveaxis(cats, -1, 0), version=version)
    before = contents(image)
    out = tmp_path / "out"
    command = ("batch", model_path, image, "-o", out, "--no-refine", *CPU)
    carry_out(command, capfd)
    said = carry_out((*command, "--into-images"), capfd)
    assert said.startswith("1 image done."), "elsewhere than before"
    assert {name: before[name] for name in before} == {
        name: data for name, data in contents(image).items() if not name.startswith("labels/")
    }
    yaozarrs.validate_zarr_store(str(image))
    inside = zarr.open_group(str(image / "labels"), mode="r")
    attributes = dict(inside.attrs)
    assert attributes.get("ome", attributes)["labels"] == ["predicted"]
    own = dict(inside["predicted"].attrs)
    assert own.get("ome", own)["image-label"]["source"] == {"image": "../../"}
    apart = zarr.open_array(str(out / "a1_predicted.zarr" / "0"), mode="r")
    np.testing.assert_array_equal(inside["predicted/0"], apart)
    assert not [name for name in contents(image) if "unfinished" in name]
    said = carry_out((*command, "--into-images"), capfd)
    assert said.startswith("0 images done, 1 done before.")

    carry_out(("batch", model_path, image, "-o", out, *CPU, "--into-images", *QUICK), capfd)
    attributes = dict(zarr.open_group(str(image / "labels"), mode="r").attrs)
    assert attributes.get("ome", attributes)["labels"] == ["predicted", "refined"]
    zarr.create_array(str(tmp_path / "plain.zarr"), data=cats)
    assert batch(model_path, tmp_path / "plain.zarr", "-o", out, "--into-images") == 3
    assert "is a zarr array, which cannot have labels" in capfd.readouterr().err


def test_stacks_without_refinement_and_tidied(
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stack = np.moveaxis(np.stack([cats, cats[::-1]]), -1, 1)
    image = write_image(tmp_path / "a1.zarr", stack, "zcyx")
    out = tmp_path / "out"
    command = ("batch", model_path, image, "-o", out, "--no-refine", *CPU, "--minimum-px", 60)
    carry_out(command, capfd)
    group = zarr.open_group(str(out / "a1_predicted.zarr"), mode="r")
    from napari_fcn_crf.results.cleanup import remove_small_regions

    labels = model.to_labels(nfc.predict(model, np.moveaxis(stack, 1, -1)))
    tidy = np.stack([remove_small_regions(plane, 60) for plane in labels])
    assert (labels != tidy).mean() > 0.0005
    assert (np.asarray(group["0"]) == tidy).mean() > 0.9999
    assert group["1"].shape == (2, 101, 90)


def test_other_axes_channels_and_types(
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    capfd: pytest.CaptureFixture[str],
) -> None:
    four = np.concatenate([np.moveaxis(cats, -1, 0), np.moveaxis(cats, -1, 0)[:1]])
    write_image(tmp_path / "a1.zarr", four[[1, 0, 3, 2]].astype(np.uint16) * 250)
    out = tmp_path / "out"
    options = ("--no-refine", "--channels", "1,0,3", "--intensity", "image")
    assert batch(model_path, tmp_path / "a1.zarr", "-o", out, *options) == 0
    swapped = four[[0, 1, 2]].astype(np.uint16) * 250
    expected = nfc.predict(model, np.moveaxis(swapped, 0, -1), intensity="image")
    found = np.asarray(zarr.open_array(str(out / "a1_predicted.zarr" / "0"), mode="r"))
    assert (found == model.to_labels(expected)).mean() > 0.9999


def test_one_bad_store_never_stops_the_rest(
    store: Path,
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    plate = tmp_path / "plate"
    plate.mkdir()
    for name in ("broken", "old", "one_channel", "good"):
        shutil.copytree(store, plate / f"{name}.zarr")
    chunk = plate / "broken.zarr" / "s0" / "2.1.1"
    chunk.write_bytes(chunk.read_bytes()[:40])
    attributes = plate / "old.zarr" / ".zattrs"
    attributes.write_text(attributes.read_text().replace('"0.4"', '"0.2"'))
    shutil.rmtree(plate / "one_channel.zarr")
    write_image(plate / "one_channel.zarr", cats[..., 0], "yx")
    tifffile.imwrite(plate / "b.tif", cats)
    out = tmp_path / "out"
    command = (model_path, plate, "-o", out, *QUICK)
    assert batch(*command) == 3
    said, error = capfd.readouterr()
    assert said.startswith("2 images done, 3 failed")
    told = [line.removeprefix("napari-fcn-crf: ") for line in error.splitlines()]
    lines = dict(line.split(".zarr", 1) for line in told)
    assert "cannot be read at rows" in lines["broken"]
    assert "is OME-Zarr of the version 0.2, but only 0.4 and 0.5 are read" in lines["old"]
    assert "has 1" in lines["one_channel"]
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        *("good_refined.zarr", "b_refined.tif", "failed.txt", "ledger.jsonl")
    }
    kept = out / ".broken_refined.zarr-unfinished"
    assert kept.is_dir()
    shutil.copy(store / "s0" / chunk.name, chunk)
    os.utime(chunk, ns=(0, 0))
    assert batch(*command) == 3
    assert (out / "broken_refined.zarr").is_dir()
    assert not kept.exists()


def test_an_image_that_changes_meanwhile(
    store: Path, tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_fcn_crf.batch import steps

    def change(*arguments: Any) -> Any:
        chunk = next((store / "s0").rglob("0.0.0"))
        os.utime(chunk)
        return write(*arguments)

    write = steps.write_region
    monkeypatch.setattr(steps, "write_region", change)
    out = tmp_path / "out"
    command = (model_path, store, "-o", out, "--no-refine")
    assert batch(*command) == 3
    assert "a1.zarr changed while it was read" in (out / "failed.txt").read_text()
    monkeypatch.undo()
    assert batch(*command, "--retry-failed") == 0


def test_labels_in_the_image_do_not_count_as_a_change(store: Path, tmp_path: Path) -> None:
    from napari_fcn_crf.batch.inputs import FileState

    before = FileState.of(store)
    zarr.create_group(str(store / "labels"), zarr_format=2)
    assert FileState.of(store) == before
    (store / "s0" / "other").write_text("x")
    assert FileState.of(store) != before


def test_images_of_a_plate_and_of_bioformats2raw(
    cats: np.ndarray, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plate = tmp_path / "plate.zarr"
    image = np.moveaxis(cats[:100, :100], -1, 0)
    wells = {"A/1": ["0", "1"], "B/2": ["0"]}
    said = {"version": "0.4", "wells": [{"path": well} for well in wells]}
    zarr.create_group(str(plate), zarr_format=2, attributes={"plate": said})
    for well, fields in wells.items():
        images = {"well": {"images": [{"path": field} for field in fields]}}
        zarr.create_group(str(plate / well), zarr_format=2, attributes=images)
        for field in fields:
            write_image(plate / well / field, image)
    raw = tmp_path / "raw.zarr"
    zarr.create_group(str(raw), zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_image(raw / "0", image)
    out = tmp_path / "out"
    said = carry_out(("batch", model_path, plate, raw, "-o", out, "--no-refine", *CPU), capfd)
    assert said.startswith("4 images done.")
    names = ("plate_A_1_0", "plate_A_1_1", "plate_B_2_0", "raw_0")
    expected = {f"{name}_predicted.zarr" for name in names}
    assert {path.name for path in out.glob("*.zarr")} == expected
    with pytest.raises(ValueError, match=r"is a plate\. Give one of the images"):
        read_ome_zarr(plate)


def test_a_plain_array_and_what_is_none(
    cats: np.ndarray, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    zarr.create_array(str(tmp_path / "plain.zarr"), data=cats, chunks=(100, 100, 3))
    out = tmp_path / "out"
    carry_out(("batch", model_path, tmp_path / "plain.zarr", "-o", out, "--no-refine", *CPU), capfd)
    assert zarr.open_array(str(out / "plain_predicted.zarr" / "0"), mode="r").shape == (201, 180)
    broken = tmp_path / "broken.zarr"
    broken.mkdir()
    (broken / ".zattrs").write_text("{")
    (broken / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(ValueError, match=r"broken\.zarr cannot be read as one"):
        read_ome_zarr(broken)
    with pytest.raises(ValueError, match="is none"):
        read_ome_zarr(tmp_path)
    (broken / ".zattrs").write_text(json.dumps({"multiscales": [{"version": "0.4"}]}))
    with pytest.raises(ValueError, match=r"broken\.zarr cannot be read as one"):
        read_ome_zarr(broken)


def test_results_are_the_same_bytes_each_time(
    store: Path, tmp_path: Path, model_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        assert batch(model_path, store, "-o", out, "--no-refine") == 0
    assert contents(one) == contents(two)
    assert "a1_predicted.zarr/1/1/1" in contents(one)

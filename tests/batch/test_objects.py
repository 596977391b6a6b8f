"""Objects that are numbered besides labels: in files, in OME-Zarr images, and in the ledger."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr

import napari_fcn_crf as nfc
from napari_fcn_crf.batch import objects as batch_objects
from napari_fcn_crf.batch.inputs import Item, items_of
from napari_fcn_crf.batch.objects import Objects, class_called
from napari_fcn_crf.batch.recipe import ObjectsWanted, Recipe
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.image_folder import without_results
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.results import large_instances
from napari_fcn_crf.results.instances import split_instances
from tests.batch.test_batch import CPU, batch, contents
from tests.batch.test_ome_zarr import QUICK, _small_blocks, write_image
from tests.commands import carry_out, refusal

__all__ = ["_small_blocks"]

CARD = ModelCard(
    (0, 1, 2),
    ("background", "object", "border"),
    1,
    IntensityMapping((0.0,), (255.0,)),
    nfc.TrainingSettings(labels="objects-border"),
)


@pytest.fixture
def cats(tiny_image: np.ndarray) -> np.ndarray:
    """Two frames of cats, 170 x 150 RGB pixels."""
    cats = np.tile(tiny_image, (3, 3, 1))[5:175, 9:159]
    return np.stack([cats, cats[::-1]])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """How probable the objects' class was where objects were numbered."""
    found = []
    number = Objects.number

    def reading(self: Objects, labels: Any, inside: Any, *others: Any) -> int:
        found.append(np.array(inside[(slice(None),) * len(labels.axes)]))
        return number(self, labels, inside, *others)

    monkeypatch.setattr(Objects, "number", reading)
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_objects_are_written_beside_labels_with_their_table(
    plate: Path,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out, image = tmp_path / "out", plate / "a1.tif"
    formats = ("--export", "geojson", "--export", "objects", "--no-refine")
    command = ("batch", model_path, image, "-o", out, *formats, *CPU)
    carry_out((*command, "--objects", "7"), capfd)
    ends = (".tif", ".geojson", ".csv", "_objects.tif", "_objects.csv", "_objects.geojson")
    assert set(contents(out)) == {f"a1_predicted{end}" for end in ends}
    labels = image_files.read_labels(out / "a1_predicted.tif")
    probabilities = nfc.predict(model, tifffile.imread(image))
    found = image_files.read_labels(out / "a1_predicted_objects.tif")
    expected = split_instances(labels, 7, inside=probabilities[1])
    np.testing.assert_array_equal(found, expected)
    assert found.max() >= 1
    rows = rows_of(out / "a1_predicted_objects.csv")
    assert [int(row["label"]) for row in rows] == list(range(1, found.max() + 1))
    assert [int(row["area_px"]) for row in rows] == np.bincount(found.ravel())[1:].tolist()
    assert {row["class"] for row in rows} == {"7"}
    assert {"mean_1", "mean_3"} <= set(rows[0])
    outlines = json.loads((out / "a1_predicted_objects.geojson").read_text())["features"]
    assert len(outlines) == found.max()
    # Neither of the results is an image of a later run.
    assert without_results([image, *out.glob("*.tif")]) == [image]

    assert carry_out((*command, "--objects", "7"), capfd).startswith("0 images done, 1 done")
    said = carry_out((*command, "--objects", "7", "--dry-run"), capfd)
    assert said.endswith("1 done, 0 failed before\nof each, objects of class 7 (7)\n"), said
    for other in (("--objects", "3"), ("--objects", "7", "--minimum-object-px", 9), ()):
        assert "(other model or settings)" in carry_out((*command, *other, "--dry-run"), capfd)
    (out / "a1_predicted_objects.csv").unlink()
    said = carry_out((*command, "--objects", "7", "--dry-run"), capfd)
    assert "(its result is missing)" in said


def test_objects_of_a_movie_go_into_the_image_block_by_block(
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    read: list[np.ndarray],
) -> None:
    out, files = tmp_path / "out", tmp_path / "files"
    image = write_image(tmp_path / "a.zarr", np.moveaxis(cats, -1, 1), "tcyx")
    plain = tmp_path / "a.tif"
    tifffile.imwrite(plain, cats, metadata={"axes": "TYXS"})
    wanted = ("--objects", "CLASS 7", "--no-refine", *CPU)
    carry_out(("batch", model_path, plain, "-o", files, *wanted), capfd)
    in_memory = image_files.read_labels(files / "a_predicted_objects.tif")
    n_first, n_all = int(in_memory[0].max()), int(in_memory.max())
    assert 0 < n_first < n_all

    monkeypatch.setattr(large_instances, "BLOCK_PX", {2: 100})
    # All of a frame, for its objects are clumps of cats, which are cut as what is seen of them is.
    monkeypatch.setattr(large_instances, "MARGIN_PX", {2: 170})
    carry_out(("batch", model_path, image, "-o", out, "--into-images", *wanted), capfd)
    inside = zarr.open_group(str(image / "labels"), mode="r")
    assert dict(inside.attrs)["labels"] == ["predicted", "predicted_objects"]
    yaozarrs.validate_zarr_store(str(image))
    stored = read_ome_zarr(image / "labels" / "predicted_objects").array[:]
    pairs = np.unique(np.stack([stored.ravel(), in_memory.ravel()]), axis=1)
    assert pairs.shape[1] == n_all + 1, "the same objects, with other numbers"
    assert set(stored[0].ravel()) == {0, *range(1, n_first + 1)}
    np.testing.assert_array_equal(inside["predicted_objects/1"], stored[:, ::2, ::2])
    rows = rows_of(out / "a_predicted_objects.csv")
    assert [int(row["label"]) for row in rows] == list(range(1, n_all + 1))
    assert [int(row["area_px"]) for row in rows] == np.bincount(stored.ravel())[1:].tolist()
    assert [row["frame"] for row in rows].count("0") == n_first
    first = cats[0][stored[0] == 1]
    np.testing.assert_allclose(read[1], read[0], atol=1e-5)
    assert read[0].std() > 0.1
    assert float(rows[0]["mean_2"]) == pytest.approx(first[:, 1].mean(), rel=1e-6)


def test_a_run_that_ends_amid_its_objects_is_gone_on_with(
    cats: np.ndarray,
    tmp_path: Path,
    model_path: Path,
    model: nfc.Model,
    monkeypatch: pytest.MonkeyPatch,
    read: list[np.ndarray],
) -> None:
    image = write_image(tmp_path / "a.zarr", np.moveaxis(cats[0], -1, 0))
    whole, out = tmp_path / "whole", tmp_path / "out"
    wanted = ("--objects", 7, *QUICK)
    assert batch(model_path, image, "-o", whole, *wanted) == 0
    # Before the refinement, which leaves next to nothing of where objects touch.
    predicted = nfc.predict(model, cats[0])
    np.testing.assert_allclose(read[0], predicted[1], atol=1e-5)

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    # Once before the table, when objects are numbered, and once before anything has its name.
    for at in ("write_table", "build_pyramid"):
        with monkeypatch.context() as ended:
            ended.setattr(batch_objects, at, end)
            assert batch(model_path, image, "-o", out, *wanted) == 130
        assert not list(out.glob("*.zarr"))
    assert batch(model_path, image, "-o", out, *wanted) == 0
    assert contents(out) == contents(whole)
    assert "a_refined_objects.csv" in contents(out)


def test_an_image_without_objects_has_an_empty_table(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, large = tmp_path / "out", ("--minimum-object-px", 10**6)
    zarr.create_array(str(plate / "a.zarr"), data=tifffile.imread(plate / "a1.tif"))
    images = (plate / "a1.tif", plate / "a.zarr")
    carry_out(("batch", model_path, *images, "-o", out, "--objects", 7, *large, *CPU), capfd)
    assert not image_files.read_labels(out / "a1_refined_objects.tif").any()
    assert not read_ome_zarr(out / "a_refined_objects.zarr").array[:].any()
    tables = [(out / f"{name}_refined_objects.csv").read_text() for name in ("a1", "a")]
    assert tables[0] == tables[1]
    assert tables[0].startswith("label,class,")
    assert tables[0].count("\n") == 1


def test_borders_that_were_learnt_are_the_objects_own() -> None:
    objects = Objects(CARD, ObjectsWanted(1))
    assert objects.border == 2
    probabilities = np.array([0.1, 0.5, 0.4], np.float32).reshape(3, 1, 1)
    np.testing.assert_allclose(objects.inside(probabilities), 0.9)
    plain = replace(CARD, training=nfc.TrainingSettings(labels="objects"))
    others = Objects(plain, ObjectsWanted(1))
    assert others.border is None
    np.testing.assert_allclose(others.inside(probabilities), 0.5)


def test_a_class_is_found_by_label_or_name() -> None:
    assert (class_called(CARD, "1"), class_called(CARD, "Object")) == (1, 1)
    with pytest.raises(ValueError, match="inside their borders"):
        class_called(CARD, "border")
    with pytest.raises(ValueError, match=r"one of 0 \(background\), 1 \(object\), 2 \(border\)"):
        class_called(CARD, "cell")
    with pytest.raises(ValueError, match="but found 5"):
        Objects(CARD, ObjectsWanted(5))


def test_options_that_go_together(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["batch", str(model_path), str(plate), "-o", str(tmp_path / "out")]
    assert "Give their class with --objects" in refusal([*command, "--minimum-object-px=5"], capfd)
    assert "one of 3 (class 3), 7 (class 7)" in refusal([*command, "--objects", "cell"], capfd)
    assert "from 1 on" in refusal([*command, "--objects=7", "--minimum-object-px=0"], capfd)


def test_other_processes_are_told(tmp_path: Path) -> None:
    recipe = Recipe(objects=ObjectsWanted(7, 20), exports=("geojson", "objects"))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert Recipe.from_dict(Recipe().to_dict()) == Recipe()
    for one in (recipe, Recipe(), replace(recipe, probabilities=True)):
        (item,) = items_of([tmp_path / "a.tif"], tmp_path, one)
        assert Item.from_dict(json.loads(json.dumps(item.to_dict()))) == item

"""The commands on files as people have them, in folders as people have them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.pipeline import models
from tests import commands


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the line by which a command is refused, whatever was said before."""
    capsys.readouterr()
    return commands.refusal(arguments, capsys)


QUICK = ["--iterations", "0", "--device", "cpu"]
ONE_STEP = ["--iterations", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> Path:
    """A folder with a model of gray images of 8 bits."""
    folder = tmp_path_factory.mktemp("trained")
    tifffile.imwrite(folder / "gray.tif", tiny_image[..., 1])
    tifffile.imwrite(folder / "gray_labels.tif", tiny_labels)
    with contextlib.chdir(folder):
        assert main(["train", "gray.tif", "gray_labels.tif", "-o", "gray.keras", *QUICK]) == 0
    return folder


@pytest.fixture
def plate(trained: Path, tmp_path: Path, tiny_image: np.ndarray) -> Iterator[Path]:
    """The working folder, with a folder of two images, one of which is annotated, and the model."""
    folder = tmp_path / "plate"
    folder.mkdir()
    shutil.copy(trained / "gray.keras", tmp_path)
    tifffile.imwrite(folder / "a1.tif", tiny_image[..., 1])
    tifffile.imwrite(folder / "a2.tif", tiny_image[..., 0])
    shutil.copy(trained / "gray_labels.tif", folder / "a1_labels.tif")
    with contextlib.chdir(tmp_path):
        yield folder


@pytest.fixture(autouse=True)
def _models_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests are about is around a network, and loading and tracing one takes longest."""
    load = models.load_model

    def load_once(path: str | Path, *, optimizer: bool = False) -> models.Model:
        if optimizer or not Path(path).is_file():
            return load(path, optimizer=optimizer)
        digest = file_sha256(Path(path))
        if digest not in _loaded:
            _loaded[digest] = load(path)
        return _loaded[digest]

    monkeypatch.setattr(models, "load_model", load_once)


_loaded: dict[str, models.Model] = {}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_annotation_is_never_overwritten(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(plate)
    assert main(["predict", "gray.keras", "plate/a1.tif", "-o", "plate"]) == 0
    after = files_of(plate)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"a1_predicted.tif", "a1_predicted_probabilities.tif"}
    said = refusal(["predict", "gray.keras", "plate/a1.tif", "-o", "plate"], capsys)
    assert "would replace plate/a1_predicted.tif and 1 more".replace("/", os.sep) in said
    assert "--overwrite" in said
    assert files_of(plate) == after
    again = ["predict", "gray.keras", "plate/a1.tif", "-o", "plate", "--overwrite"]
    (plate / "a1_predicted.tif").write_text("")
    assert main(again) == 0
    assert image_files.is_result(plate / "a1_predicted.tif")


def test_what_is_not_ours_is_not_replaced_either(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(plate / "a1_labels.tif", plate / "a2_predicted.tif")
    before = files_of(plate)
    said = refusal(["predict", "gray.keras", "plate/a2.tif", "-o", "plate"], capsys)
    assert "a2_predicted.tif" in said
    assert files_of(plate) == before


def test_the_demo_replaces_its_own_results_alone(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat_predicted.tif", "cat_demo.png"):
        path = plate / name
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
        content = path.read_bytes()
        assert f"would replace {path}" in refusal(["demo", "-o", str(plate)], capsys)
        assert path.read_bytes() == content
        path.unlink()


def test_a_result_never_replaces_what_is_read(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "gray.keras", "plate/a1.tif", "-o", "."]) == 0
    given = Path("a1_predicted_probabilities.tif")
    refined = given.rename("a1_refined_probabilities.tif")
    content = refined.read_bytes()
    arguments = ["refine", "plate/a1.tif", str(refined), "-o", ".", "--overwrite"]
    assert "which is to be read" in refusal(arguments, capsys)
    assert refined.read_bytes() == content
    assert main(["refine", "plate/a1.tif", str(refined), "-o", "out", "--iterations", "0"]) == 0
    assert "would replace" in refusal([*arguments[:3], "-o", "out"], capsys)


def test_a_model_is_not_replaced_unless_it_is_gone_on_with(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = Path("gray.keras").read_bytes()
    train = ["train", "plate/a1.tif", "plate/a1_labels.tif", "-o", "gray.keras", *QUICK]
    assert "would replace gray.keras" in refusal(train, capsys)
    assert Path("gray.keras").read_bytes() == content
    assert main([*train, "--resume", "gray.keras", *ONE_STEP]) == 0
    assert len(read_card(Path("gray.keras")).losses) == 1
    assert main([*train, "--overwrite"]) == 0
    assert len(read_card(Path("gray.keras")).losses) == 0


def test_folders_and_patterns(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once into their own folder, and then with these results among the files."""
    for name in ("._a1.tif", ".DS_Store", "Thumbs.db"):
        (plate / name).write_bytes(b"\0" * 40)
    names = {
        f"{stem}_predicted{end}.tif" for stem in ("a1", "a2") for end in ("", "_probabilities")
    }
    for given, output in (
        ("plate", "plate"),
        ("plate", "a"),
        ("plate/*.tif", "b"),
        ("plate/a?.tif", "c"),
        ("pl*/**/*.tif", "d"),
    ):
        assert main(["predict", "gray.keras", given, "-o", output]) == 0
        out, error = capsys.readouterr()
        assert "2 images predicted" in out
        assert names <= {path.name for path in Path(output).iterdir()}
        assert len(list(Path(output).glob("*predicted*"))) == 4
        if output in "abd":
            assert "Left out, as results of an earlier run or labels: a1_labels.tif and 4" in error


def test_a_folder_of_images_in_a_folder(plate: Path) -> None:
    Path("Images").mkdir()
    shutil.copy(plate / "a1.tif", "Images")
    assert main(["predict", "gray.keras", ".", "-o", "out"]) == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "a1_predicted.tif",
        "a1_predicted_probabilities.tif",
    }


def test_results_are_known_by_more_than_their_names(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "gray.keras", "plate/a1.tif", "-o", "."]) == 0
    Path("a1_predicted.tif").rename(plate / "b7.tif")
    Path("a1_predicted_probabilities.tif").rename(plate / "b8.tif")
    # Of an earlier version, without a tag.
    shutil.copy(plate / "a2.tif", plate / "a2_probabilities.tif")
    # The name of an image that happens to end so.
    shutil.copy(plate / "a2.tif", plate / "patient_refined.tif")
    assert main(["predict", "gray.keras", "plate", "-o", "out"]) == 0
    assert {path.name.partition("_predicted")[0] for path in Path("out").iterdir()} == {
        "a1",
        "a2",
        "patient_refined",
    }
    said = refusal(["predict", "gray.keras", "plate/b7.tif", "-o", "out2"], capsys)
    assert "b7.tif is a result of an earlier run" in said


def test_broken_images_are_named_and_the_others_are_done(
    plate: Path, capsys: pytest.CaptureFixture[str], tiny_image: np.ndarray
) -> None:
    tifffile.imwrite(plate / "a0.tif", np.full((60, 70), 7, np.uint8))
    (plate / "a3.tif").write_bytes((plate / "a2.tif").read_bytes()[:1000])
    (plate / "a4.tif").write_text("")
    tifffile.imwrite(plate / "a5.tif", tiny_image)
    tifffile.imwrite(plate / "a6.tif", tiny_image[:20, :20, 0])
    shutil.copy(plate / "a1.tif", plate / "a7.tif")
    assert main(["predict", "gray.keras", "plate", "-o", "out"]) == 3
    out, error = capsys.readouterr()
    assert "4 of 8 images predicted" in out
    for name in ("a3.tif", "a4.tif", "a5.tif", "a6.tif"):
        assert error.count(name) == 1
    assert {path.name[:2] for path in Path("out").iterdir()} == {"a0", "a1", "a2", "a7"}
    blank = image_files.read_probabilities(Path("out/a0_predicted_probabilities.tif")).values
    assert np.isfinite(blank).all()
    broken = ["plate/a3.tif", "plate/a4.tif"]
    assert main(["predict", "gray.keras", *broken, "-o", "none"]) == 3
    assert not Path("none").exists()


def test_a_blank_image_can_be_refined(plate: Path) -> None:
    tifffile.imwrite(plate / "a0.tif", np.full((60, 70), 7, np.uint8))
    assert main(["predict", "gray.keras", "plate/a0.tif", "-o", "."]) == 0
    given = "a0_predicted_probabilities.tif"
    assert main(["refine", "plate/a0.tif", given, "-o", "."]) == 0


def test_a_blank_image_among_those_to_train_on_is_named(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(plate / "a0.tif", np.full((60, 70), 7, np.uint8))
    shutil.copy(plate / "a1_labels.tif", plate / "a0_labels.tif")
    said = refusal(["train", "plate", "-o", "m.keras", *QUICK], capsys)
    assert "a0.tif: The image must have contrast" in said


def test_the_users_folder(
    plate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the shell leaves `~` alone, as cmd.exe does, or behind an equals sign."""
    monkeypatch.setenv("HOME", str(plate.parent))
    monkeypatch.setenv("USERPROFILE", str(plate.parent))
    assert main(["predict", "~/gray.keras", "~/plate/a1.tif", "--output=~/out"]) == 0
    given = "~/out/a1_predicted_prob*.tif"
    refine = ["refine", "~/plate/a1.tif", given, "-o", "~/out", "--model", "~/gray.keras"]
    assert main(refine) == 0
    assert len(list((plate.parent / "out").iterdir())) == 4
    train = ["train", "~/plate", "-o", "~/new.keras", "--resume", "~/gray.keras", *ONE_STEP]
    assert main(train) == 0
    assert (plate.parent / "new.keras").exists()
    capsys.readouterr()
    (plate.parent / "none.h5").write_text("no weights")
    weights = ["train", "~/plate", "-o", "~/w.keras", "--weights", "~/none.h5", *QUICK]
    assert "does not exist" not in refusal(weights, capsys)
    assert not (Path.cwd() / "~").exists()


def test_patterns_of_pairs(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, source in (("images", "a1.tif"), ("labels", "a1_labels.tif")):
        Path(name).mkdir()
        for stem in ("b", "a"):
            shutil.copy(plate / source, Path(name) / f"{stem}.tif")
    for given in (["images/*.tif", "labels/*.tif"], ["plate/a1*.tif"]):
        assert main(["train", *given, "-o", "p.keras", "--overwrite", *QUICK]) == 0
    said = refusal(["train", "plate/z*.tif", "-o", "q.keras"], capsys)
    assert "none matches plate/z*.tif" in said


def test_names(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a b.tif", "a[1].tif", "Zelle ü (2).tif", "a1.OME.TIF"]
    for name in names:
        shutil.copy(plate / "a1.tif", name)
    assert main(["predict", "gray.keras", *names, "-o", "out"]) == 0
    for name in names:
        stem = name.removesuffix(".tif").removesuffix(".OME.TIF")
        assert Path("out", f"{stem}_predicted.tif").exists()


def test_where_results_cannot_go(
    plate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    predict = ["predict", "gray.keras", "plate/a1.tif", "-o"]
    assert "file is a file" in refusal([*predict, "file"], capsys)
    assert "file" in refusal([*predict, "file/in/it"], capsys)
    Path("locked").mkdir()
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "locked" not in str(path) and allowed(path, mode)
    )
    assert "locked may not be written by you" in refusal([*predict, "locked"], capsys)


def test_axes_and_channels(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gray = tifffile.imread(plate / "a1.tif")
    other = np.roll(gray, 9)
    tifffile.imwrite("two.tif", np.stack([other, gray]), imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite("said.tif", np.stack([other, gray]), imagej=True, metadata={"axes": "ZYX"})
    said = refusal(["predict", "gray.keras", "two.tif", "-o", "out"], capsys)
    assert "this image has 2 (2 channels, 60 x 70" in said
    runs = {
        "plain": ["plate/a1.tif"],
        "chosen": ["two.tif", "--channels", "1"],
        "told": ["said.tif", "--axes", "cyx", "--channels", "1"],
        "stack": ["two.tif", "--axes", "zyx"],
    }
    found = {}
    for name, given in runs.items():
        assert main(["predict", "gray.keras", *given, "-o", name]) == 0
        (path,) = Path(name).glob("*_probabilities.tif")
        found[name] = image_files.read_probabilities(path).values
    np.testing.assert_array_equal(found["chosen"], found["plain"])
    np.testing.assert_array_equal(found["told"], found["plain"])
    assert found["stack"].shape == (2, 2, 60, 70)
    np.testing.assert_allclose(found["stack"][:, 1], found["plain"], atol=1e-5)
    for wrong in ("7", "x", "0,,1"):
        arguments = ["predict", "gray.keras", "two.tif", "-o", "w", "--channels", wrong]
        assert "0" in refusal(arguments, capsys)


def test_channels_are_trained_on(plate: Path) -> None:
    gray = tifffile.imread(plate / "a1.tif")
    array = np.stack([gray, 255 - gray, gray // 2])
    tifffile.imwrite("c.tif", array, ome=True, metadata={"axes": "CYX"})
    pair = ["c.tif", "plate/a1_labels.tif"]
    for options, channels in (([], 3), (["--channels", "2,0"], 2)):
        assert main(["train", *pair, "-o", f"m{channels}.keras", *options, *QUICK]) == 0
        assert read_card(Path(f"m{channels}.keras")).channels == channels


def test_intensities_are_told_once(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (3, 4, 5):
        gray = tifffile.imread(plate / "a1.tif").astype(np.uint16)
        tifffile.imwrite(plate / f"a{number}.tif", gray * 100 + number)
    assert main(["predict", "gray.keras", "plate", "-o", "auto"]) == 0
    error = capsys.readouterr().err
    assert error.count("it is mapped by its own range") == 1
    assert "a3.tif: The image is uint16 with values from" in error
    assert "The same as of a3.tif goes for 2 more images." in error
    for choice in ("model", "image"):
        given = ["plate/a3.tif", "-o", choice, "--intensity", choice]
        assert main(["predict", "gray.keras", *given]) == 0
        assert capsys.readouterr().err == ""
    labels = {
        name: image_files.read_probabilities(Path(name) / "a3_predicted_probabilities.tif").values
        for name in ("auto", "model", "image")
    }
    np.testing.assert_array_equal(labels["auto"], labels["image"])
    assert np.abs(labels["auto"] - labels["model"]).max() > 0.01


def test_refine_maps_intensities_as_the_model_does(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gray = tifffile.imread(plate / "a1.tif")
    tifffile.imwrite("dark.tif", gray // 8)
    assert main(["predict", "gray.keras", "dark.tif", "-o", "."]) == 0
    given = ["refine", "dark.tif", "dark_predicted_probabilities.tif"]
    found = {}
    for name, options in {
        "own": [],
        "model": ["--model", "gray.keras", "--intensity", "model"],
        "image": ["--model", "gray.keras", "--intensity", "image"],
    }.items():
        assert main([*given, *options, "-o", name]) == 0
        path = Path(name) / "dark_refined_probabilities.tif"
        found[name] = image_files.read_probabilities(path).values
    np.testing.assert_array_equal(found["own"], found["image"])
    said = refusal([*given, "--intensity", "model", "-o", "x"], capsys)
    assert "none was given. Add --model" in said


def photograph(path: Path, gray: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(gray).save(path, exif=exif, quality=95)


def test_photographs_are_turned_only_if_asked(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gray = tifffile.imread(plate / "a1.tif")
    labels = tifffile.imread(plate / "a1_labels.tif")
    photograph(Path("p.jpg"), gray, 6)
    for options, shape in (([], (60, 70)), (["--exif"], (70, 60))):
        assert main(["predict", "gray.keras", "p.jpg", "-o", "out", "--overwrite", *options]) == 0
        assert image_files.read_labels("out/p_predicted.tif").shape == shape
        error = capsys.readouterr().err
        assert ("p.jpg was taken to be shown turned by 90 degrees" in error) is not bool(options)
        refine = ["refine", "p.jpg", "out/p_predicted_probabilities.tif", "-o", "r", "--overwrite"]
        assert main([*refine, *options]) == 0
        capsys.readouterr()
    tifffile.imwrite("p_labels.tif", np.rot90(labels, -1))
    train = ["train", "p.jpg", "p_labels.tif", "-o", "p.keras", *QUICK]
    assert "EXIF orientation 6" in refusal(train, capsys)
    assert main([*train, "--exif"]) == 0


def test_results_do_not_differ_in_capitals_alone(
    plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(plate / "a1.tif", "x.tif")
    shutil.copy(plate / "a1.tif", "X.png")
    assert "the same name" in refusal(
        ["predict", "gray.keras", "x.tif", "X.png", "-o", "o"], capsys
    )


def test_large_class_ids_come_back(plate: Path) -> None:
    labels = tifffile.imread(plate / "a1_labels.tif").astype(np.int64)
    values = np.array([0, 0, 0, 2**31 + 5, 0, 0, 0, 2**40])
    tifffile.imwrite("large_labels.tif", values[labels])
    assert main(["train", "plate/a1.tif", "large_labels.tif", "-o", "l.keras", *QUICK]) == 0
    assert main(["predict", "l.keras", "plate/a1.tif", "-o", "."]) == 0
    assert main(["refine", "plate/a1.tif", "a1_predicted_probabilities.tif", "-o", "."]) == 0
    for name in ("a1_predicted.tif", "a1_refined.tif"):
        found = tifffile.imread(name)
        assert set(np.unique(found)) <= {2**31 + 5, 2**40}
        assert found.dtype == np.uint64


def test_results_keep_axes_and_the_size_of_pixels(plate: Path, tiny_image: np.ndarray) -> None:
    """Of ImageJ, OME and the resolution alike; tifffile, which is not ours, reads them back."""
    gray = tiny_image[..., 1]
    stack = np.stack([gray, gray[::-1]])
    size = {"unit": "um", "spacing": 2.0, "axes": "ZYX"}
    tifffile.imwrite("a.tif", stack, imagej=True, resolution=(5, 4), metadata=size)
    ome = {f"PhysicalSize{axis}": value for axis, value in zip("XYZ", (0.2, 0.25, 2), strict=True)}
    tifffile.imwrite("b.ome.tif", stack, metadata={"axes": "ZYX", **ome})
    tifffile.imwrite("c.tif", gray, resolution=(50_000, 40_000), resolutionunit="CENTIMETER")
    assert main(["predict", "gray.keras", "a.tif", "b.ome.tif", "c.tif", "-o", "out"]) == 0
    for name in ("a", "b", "c"):
        source = "b.ome.tif" if name == "b" else f"{name}.tif"
        given = f"out/{name}_predicted_probabilities.tif"
        assert main(["refine", source, given, "-o", "out", "--iterations", "1"]) == 0
        for kind in ("predicted", "refined"):
            for suffix, before in (("", ""), ("_probabilities", "C")):
                path = Path("out", f"{name}_{kind}{suffix}.tif")
                with tifffile.TiffFile(path) as file:
                    assert file.series[0].axes == before + ("YX" if name == "c" else "ZYX")
                    page = file.pages.first
                    assert page.resolutionunit == tifffile.RESUNIT.CENTIMETER
                    assert page.resolution == pytest.approx((50_000, 40_000))
                picture = image_files.read_picture(path)
                spacing = dict(zip(picture.spatial_axes, picture.place.spacing, strict=True))
                z = {} if name == "c" else {"z": 2e-6}
                assert spacing == pytest.approx({"y": 0.25e-6, "x": 0.2e-6, **z})
    tifffile.imwrite("d.tif", gray)
    assert main(["predict", "gray.keras", "d.tif", "-o", "out"]) == 0
    with tifffile.TiffFile("out/d_predicted.tif") as file:
        assert file.pages.first.resolutionunit == tifffile.RESUNIT.NONE

"""The commands, on real files; bad input gives one line and exit code 2."""

import argparse
import contextlib
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.cli.options import add_settings, read_settings
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard, read_card
from napari_fcn_crf.settings import (
    ComputeSettings,
    CRFSettings,
    PredictionSettings,
    TrainingSettings,
)
from napari_fcn_crf.settings_base import describe
from napari_fcn_crf.weights.download import PUBLISHED, PublishedWeights
from tests.commands import carry_out, refusal

ALL_SETTINGS = [TrainingSettings, PredictionSettings, CRFSettings, ComputeSettings]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as a user would."""
    command = [sys.executable, "-m", "napari_fcn_crf", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@pytest.fixture
def files(tmp_path: Path, tiny_image: np.ndarray, tiny_labels: np.ndarray) -> Path:
    """A folder with an image, its labels, and things that are wrong."""
    tifffile.imwrite(tmp_path / "cat.tif", tiny_image)
    image_files.write_labels(tmp_path / "cat_labels.tif", tiny_labels)
    image_files.write_labels(tmp_path / "small_labels.tif", tiny_labels[:50])
    image_files.write_labels(tmp_path / "one_class.tif", np.minimum(tiny_labels, 1))
    image_files.write_labels(tmp_path / "empty.tif", tiny_labels * 0)
    image_files.write_probabilities(
        tmp_path / "cat_probabilities.tif", np.full((2, 60, 70), 0.5, np.float32), (3, 7)
    )
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "text.keras").write_text("no model")
    return tmp_path


@pytest.mark.parametrize("settings", ALL_SETTINGS)
def test_every_setting_is_an_option_with_help_and_no_default_of_its_own(settings: type) -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, "settings", settings)
    assert read_settings(parser.parse_args([]), settings) == settings()
    options = {action.dest: action for action in parser._actions}
    for field in fields(settings):
        assert options[field.name].help, field.name
        if field.default not in (None, ""):
            assert f"Default: {field.default}." in options[field.name].help
        bounds = describe(settings)[field.name].bounds
        assert bounds is None or f"number {bounds.text}." in options[field.name].help


def test_options_override_the_base_and_only_that() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, "settings", TrainingSettings)
    arguments = parser.parse_args(["--iterations", "3", "--labels", "scribbles"])
    paper = TrainingSettings.paper()
    settings = read_settings(arguments, TrainingSettings, paper)
    assert (settings.iterations, settings.labels) == (3, "scribbles")
    assert settings.learning_rate == paper.learning_rate
    assert settings.backbone == paper.backbone


@pytest.mark.parametrize("command", ["demo", "train", "predict", "refine", "devices"])
def test_help_tells_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], [command, "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "COMMAND"),
        ("segment", "invalid choice: 'segment'"),
        ("train cat.tif cat_labels.tif", "--output"),
        ("train cat.tif -o m.keras", "IMAGE LABELS"),
        ("train cat.tif cat_labels.tif -o m.h5", "ends in .keras"),
        ("train nothing -o m.keras", "e.g. cell.tif and cell_labels.tif"),
        ("train none.tif cat_labels.tif -o m.keras", "there is no file"),
        ("train text.tif cat_labels.tif -o m.keras", "text.tif cannot be read"),
        ("train cat.tif small_labels.tif -o m.keras", "the labels are 50 x 70"),
        ("train cat.tif one_class.tif -o m.keras", "only label 1 was found"),
        ("train cat.tif empty.tif -o m.keras", "the labels are empty"),
        ("train cat.tif cat_labels.tif -o m.keras --iterations -1", "iterations must be"),
        ("train cat.tif cat_labels.tif -o m.keras --iterations many", "invalid int value"),
        ("train cat.tif cat_labels.tif -o m.keras --device gpu", "device must be one of"),
        ("predict text.keras cat.tif -o out", "text.keras cannot be read"),
        ("predict none.keras cat.tif -o out", "there is no file"),
        ("predict text.keras cat.tif cat.tif -o out", "the same name"),
        ("refine cat.tif cat_labels.tif -o out", "Expected a TIFF file of probabilities"),
        ("refine cat.tif cat_probabilities.tif -o text.tif", "is a file"),
        ("refine cat.tif cat_probabilities.tif --model text.keras -o out", "cannot be read as one"),
        ("refine small_labels.tif cat_probabilities.tif -o out", "their shape is (2, 60, 70)"),
        ("devices --interpreter none/python", "there is no program none/python"),
    ],
)
def test_bad_input_is_told_in_one_line(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    monkeypatch.chdir(files)
    before = {path.name for path in files.iterdir()}
    error = refusal(arguments.split(), capsys)
    assert message in error
    assert error.startswith("napari-fcn-crf")
    made = {path.name for path in files.iterdir()} - before
    assert made <= {"out"}


def test_refines_with_the_settings_kept_with_a_model(files: Path) -> None:
    kept = CRFSettings(iterations=0)
    card = ModelCard((3, 7), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())
    with zipfile.ZipFile(files / "m.keras", "w") as archive:
        archive.writestr(CARD_MEMBER, replace(card, crf=kept).to_json())
    given = np.random.default_rng(0).random((2, 60, 70)).astype(np.float32)
    given /= given.sum(axis=0)
    image_files.write_probabilities(files / "given.tif", given, (3, 7))
    said = run(
        "refine", files / "cat.tif", files / "given.tif", "--model", files / "m.keras", "-o", files
    )
    assert (said.returncode, said.stderr) == (0, "")
    after = image_files.read_probabilities(files / "cat_refined_probabilities.tif").values
    # No iteration: what comes out is what went in.
    np.testing.assert_allclose(after, given, atol=1e-6)


def test_refines_labels_of_any_size(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = np.random.default_rng(0).random((2, 60, 70)).astype(np.float32)
    given /= given.sum(axis=0)
    image_files.write_probabilities(files / "given.tif", given, (3, 2**40))
    arguments = ["refine", "cat.tif", "given.tif", "-o", "results", "--iterations", "0"]
    with contextlib.chdir(files):
        assert main(arguments) == 0
    labels = image_files.read_labels(files / "results" / "cat_refined.tif")
    np.testing.assert_array_equal(labels, np.array([3, 2**40])[given.argmax(axis=0)])


def test_refines_probabilities_of_8_bits(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = np.random.default_rng(0).dirichlet(np.ones(3), (60, 70)).transpose(2, 0, 1)
    exported = np.round(255 * given).astype(np.uint8)
    tifffile.imwrite(files / "given.tif", exported, photometric="minisblack")
    arguments = ["refine", "cat.tif", "given.tif", "-o", "results", "--iterations", "0"]
    with contextlib.chdir(files):
        assert main(arguments) == 0
    assert "they were divided by 255." in capsys.readouterr().err
    after = image_files.read_probabilities(files / "results" / "cat_refined_probabilities.tif")
    np.testing.assert_allclose(after.values, given, atol=3 / 255)


def test_nothing_moves_the_cursor(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    hostile = "\x1b[31m\x9b2J"
    for arguments in (
        ["train", hostile, "cat_labels.tif", "-o", "m.keras"],
        ["train", "cat.tif", "cat_labels.tif", "-o", hostile],
        ["predict", hostile, "cat.tif", "-o", "out"],
        ["refine", "cat.tif", hostile, "-o", "out"],
        ["refine", "cat.tif", "cat_probabilities.tif", "-o", "out", hostile],
        ["devices", "--interpreter", hostile],
    ):
        assert refusal(arguments, capsys).removesuffix("\n").isprintable()
    done = ["refine", "cat.tif", "cat_probabilities.tif", "-o", hostile, "--iterations", "0"]
    assert main(done) == 0
    out, error = capsys.readouterr()
    assert out.removesuffix("\n").isprintable()
    assert error == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
def test_a_working_folder_that_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir(gone)
        gone.rmdir()
        said = refusal(["devices"], capsys)
        os.chdir(tmp_path)
    assert "the folder it was started in is gone" in said


def test_train_predict_and_refine_on_files(
    files: Path, tiny_image: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first in a process of its own, where TensorFlow could say something as it loads."""
    model, results = files / "cat.keras", files / "results"
    trained = run(
        *("train", files / "cat.tif", files / "cat_labels.tif", "-o", model),
        *("--iterations", 3, "--device", "cpu"),
    )
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "3 steps" in trained.stdout
    assert "labels 3, 7" in trained.stdout

    tifffile.imwrite(files / "other.tif", tiny_image[::-1])
    carry_out(["predict", model, files / "cat.tif", files / "other.tif", "-o", results], capfd)
    probabilities = image_files.read_probabilities(results / "cat_predicted_probabilities.tif")
    assert probabilities.values.shape == (2, 60, 70)
    assert probabilities.class_values == (3, 7)
    labels = image_files.read_labels(results / "cat_predicted.tif")
    np.testing.assert_array_equal(labels, np.array([3, 7])[probabilities.values.argmax(axis=0)])
    assert (results / "other_predicted.tif").exists()

    given = results / "cat_predicted_probabilities.tif"
    carry_out(["refine", files / "cat.tif", given, "-o", results], capfd)
    marginals = image_files.read_probabilities(results / "cat_refined_probabilities.tif")
    np.testing.assert_allclose(marginals.values.sum(axis=0), 1, atol=1e-5)
    assert set(np.unique(image_files.read_labels(results / "cat_refined.tif"))) <= {3, 7}


def test_a_backend_that_is_not_installed_is_named(files: Path) -> None:
    backend = "jax"
    trained = run(
        *("train", files / "cat.tif", files / "cat_labels.tif", "-o", files / "m.keras"),
        *("--backend", backend),
    )
    if trained.returncode == 0:
        pytest.skip("jax is installed here")
    assert trained.returncode == 2
    assert "needs the package 'jax'" in trained.stderr
    assert trained.stderr.count("\n") == 1


def test_devices_names_the_processor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("cpu")
    assert "GiB free" in first


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing on Windows")
def test_an_interrupted_training_keeps_what_was_learnt(files: Path) -> None:
    import signal
    import time

    model = files / "cat.keras"
    command = [sys.executable, "-m", "napari_fcn_crf", "train", "cat.tif", "cat_labels.tif"]
    process = subprocess.Popen(
        [*command, "-o", str(model), "--iterations", "1000000", "--device", "cpu"],
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not model.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert out.startswith("Stopped after ")
    assert f"Wrote {model}" in out


def test_weights_are_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a file that is there already; the download itself has tests of its own."""
    content = b"weights"
    published = PublishedWeights(
        "Test", "http://127.0.0.1:9/a.h5", 7, hashlib.md5(content).hexdigest(), "CC0"
    )
    monkeypatch.setitem(PUBLISHED, "vgg16", published)
    (tmp_path / "a.h5").write_bytes(content)
    assert main(["weights", "fetch", "vgg16", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == f"Test (CC0). Wrote {tmp_path / 'a.h5'}"
    (tmp_path / "a.h5").write_bytes(b"")
    assert main(["weights", "fetch", "vgg16", "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "http://127.0.0.1:9/a.h5" in error
    assert error.count("\n") == 1


def test_training_in_closed_form_alone(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pair = (files / "cat.tif", files / "cat_labels.tif")
    told = carry_out(["train", *pair, "-o", files / "cat.keras"], capfd)
    assert told.startswith("Solved in closed form, labels 3, 7. Wrote ")


def test_training_goes_on_from_a_model_file(files: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = files / "cat.keras"
    pair = (files / "cat.tif", files / "cat_labels.tif")
    carry_out(["train", *pair, "-o", model, "--iterations", 2, "--mode", "quick"], capfd)
    told = carry_out(["train", *pair, "-o", model, "--resume", model, "--iterations", 3], capfd)
    assert "5 steps" in told
    card = read_card(model)
    assert (card.training.mode, card.record["resumed_exactly"]) == ("quick", True)


def test_half_precision_from_the_command_line(
    files: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = (files / "cat.tif", files / "cat_labels.tif")
    for name, precision in (("single", "single"), ("half", "half")):
        output = files / f"{name}.keras"
        options = ("--architecture", "fcn32s", "--iterations", 1, "--precision", precision)
        options += ("--tensorboard", files / name)
        carry_out(["train", *pair, "-o", output, *options], capfd)
        assert len(list((files / name).iterdir())) == 1
    sizes = [(files / f"{name}.keras").stat().st_size for name in ("single", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    assert (files / "single.optimizer.npz").exists()
    assert not (files / "half.optimizer.npz").exists()

"""The tutorial's run, on a small image at full width and on the tutorial's cat."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_fcn_crf.data import image_files
from napari_fcn_crf.demo import tutorial_2016
from napari_fcn_crf.settings import TrainingSettings
from tests.commands import carry_out, refusal
from tests.weights.reference import keras_model, random_reference


@pytest.fixture
def files(tmp_path: Path, tiny_image: np.ndarray, tiny_labels: np.ndarray) -> Path:
    """A folder with an image and its mask."""
    Image.fromarray(tiny_image).save(tmp_path / "face.png")
    Image.fromarray((tiny_labels == 7).astype(np.uint8)).save(tmp_path / "face_mask.png")
    return tmp_path


def check_run(told: str, written: Path) -> None:
    """Check what a run on the small image says, and that it wrote what it should."""
    assert "Weights: random" in told
    assert "--weights FILE" in told
    assert "published" not in told.partition("step")[2]
    losses = re.findall(r"^step +(\d+) of 10   loss +([\d.]+)$", told, re.M)
    assert [int(step) for step, _ in losses] == list(range(1, 11))
    # The sum over all pixels: chance would be log 2 each.
    assert float(losses[0][1]) > 0.3 * np.log(2) * 60 * 70
    assert re.search(r"^after them, no dropout +[\d.]+$", told, re.M)
    assert {path.name for path in written.iterdir()} == {
        "face_demo.png",
        "face_predicted.tif",
        "face_predicted_probabilities.tif",
        "face_refined.tif",
    }


@pytest.mark.long
def test_the_run_on_a_small_image(files: Path) -> None:
    """On VGG-16 of full width."""
    command = [sys.executable, "-m", "napari_fcn_crf", "demo", "--paper", "face.png"]
    command += ["face_mask.png", "--output", "out", "--device", "cpu"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=550)
    assert (done.returncode, done.stderr) == (0, "")
    check_run(done.stdout, files / "out")


def test_the_run_is_logged_for_tensorboard(
    files: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the compact VGG-16: the other takes half a minute."""
    settings = replace(TrainingSettings.paper("random"), backbone="vgg16-compact")
    monkeypatch.setattr(TrainingSettings, "paper", lambda weights: settings)
    monkeypatch.chdir(files)
    pair = ("face.png", "face_mask.png")
    told = carry_out(
        ["demo", "--paper", *pair, "--output", "out", "--tensorboard", "log", "--device", "cpu"],
        capfd,
    )
    check_run(told, files / "out")
    (path,) = (files / "log").iterdir()
    assert "tfevents" in path.name


def test_the_published_losses_stand_beside_the_cats(
    measurement_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the compact VGG-16, for time; the annotation is the tutorial's, a gray image as RGB."""
    seed = measurement_data / "seed"
    settings = replace(TrainingSettings.paper("random"), backbone="vgg16-compact")
    case = tutorial_2016.read_case(seed / "cat.jpg", seed / "cat_annotation.png", settings)
    result = tutorial_2016.run(case, tmp_path)
    out = capsys.readouterr().out
    assert "the losses it published stand beside" in out
    rows = re.findall(r"^step +\d+ of 10   loss +([\d.]+)   published +([\d.]+)$", out, re.M)
    assert tuple(float(published) for _, published in rows) == tutorial_2016.PUBLISHED_LOSSES
    losses = [float(loss) for loss, _ in rows]
    np.testing.assert_allclose(losses, result.model.card.losses, atol=0.06)
    final = re.search(r"^after them, no dropout +([\d.]+)   published +18177\.5$", out, re.M)
    indices = image_files.read_labels(seed / "cat_annotation.png")
    own = np.where(indices == 1, result.probabilities[1], result.probabilities[0])
    assert float(final[1]) == pytest.approx(-np.log(own.astype(float)).sum(), abs=0.06)


@pytest.mark.parametrize("whole", [False, True])
def test_what_differs_from_the_tutorials_weights_is_said(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    weights = tmp_path / "vgg.weights.h5"
    keras_model(random_reference("vgg16-compact"), include_top=whole).save_weights(weights)
    settings = replace(TrainingSettings.paper(weights), backbone="vgg16-compact", iterations=1)
    case = tutorial_2016.read_case(files / "face.png", files / "face_mask.png", settings)
    result = tutorial_2016.run(case, tmp_path)
    assert ("lacks fc6 and fc7" in capsys.readouterr().out) is not whole
    # Scores start at random, as the tutorial's did.
    assert abs(result.model.card.losses[0] / case.annotation.size - np.log(2)) > 0.01


def test_only_the_cat_is_the_cat(measurement_data: Path, tiny_image: np.ndarray) -> None:
    cat = image_files.read_picture(measurement_data / "seed" / "cat.jpg").array
    assert tutorial_2016.is_the_tutorials_cat(cat)
    noisy = cat.astype(int) + np.random.default_rng(0).integers(-5, 6, cat.shape)
    assert tutorial_2016.is_the_tutorials_cat(noisy.clip(0, 255).astype(np.uint8))
    for other in (cat[:, ::-1], cat[::-1], cat[..., ::-1], cat[:351], cat[..., 0], tiny_image):
        assert not tutorial_2016.is_the_tutorials_cat(other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--paper face.png", "expected 2 arguments"),
        ("--paper face.png none.png", "there is no file none.png"),
        ("--paper face.png face.png", "face.png is a colour image"),
        ("--paper face.png small.png", "the labels are 50 x 70"),
        ("--paper face.png face_mask.png --weights none.ckpt", "there is no file none.ckpt"),
        ("--paper stack.tif stack_mask.tif", "one image"),
        ("--weights vgg.h5", "--weights is for --paper"),
        ("--paper face.png face_mask.png --output face.png", "face.png is a file"),
    ],
)
def test_bad_input_is_told_in_one_line(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    mask = image_files.read_labels(files / "face_mask.png")
    Image.fromarray(mask[:50]).save(files / "small.png")
    image_files.write_labels(files / "stack_mask.tif", np.stack([mask] * 4))
    image_files.write_labels(files / "stack.tif", np.stack([100 * mask + 9] * 4))
    monkeypatch.chdir(files)
    assert message in refusal(["demo", *arguments.split()], capsys)

"""`train` asks about labels that look like something else, and names the option that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.model.card import read_card
from tests.commands import refusal
from tests.labels import cells, shown, soft_mask, voc_mask


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, labels in (("cells", cells()), ("soft", soft_mask()), ("voc", voc_mask())):
        tifffile.imwrite(f"{name}.tif", shown(labels))
        image_files.write_labels(f"{name}_labels.tif", labels)
    movie = np.zeros((10, 32, 32), np.uint8)
    movie[0, 8:16, 8:16] = 1
    tifffile.imwrite("movie.tif", shown(movie))
    image_files.write_labels("movie_labels.tif", movie)
    return tmp_path


def _train(image: str, labels: str, *options: str) -> list[str]:
    quick = ("--iterations", "0")
    return ["train", image, labels, "-o", "m.keras", *quick, *options]


@pytest.mark.parametrize(
    ("image", "labels", "options", "expected"),
    [
        ("cells", "cells_labels", (), ("144 labels, as if", "--labels objects;", "--trust-labels")),
        ("soft", "soft_labels", (), ("soft edges", "labels > 127", "--trust-labels")),
        ("cells_labels", "cells", (), ("look like an image", "swapped", "--trust-labels")),
        ("voc", "voc_labels", (), ("--labels mask --ignore-label 255",)),
        ("voc", "voc_labels", ("--labels", "mask"), ("Give --ignore-label 255;",)),
        ("voc", "voc_labels", ("--ignore-label", "void"), ("--ignore-label", "invalid int")),
    ],
)
def test_labels_that_look_like_something_else(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    image: str,
    labels: str,
    options: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    said = refusal(_train(f"{image}.tif", f"{labels}.tif", *options), capsys)
    for words in expected:
        assert words in said
    assert not (folder / "m.keras").exists()


@pytest.mark.parametrize(
    ("name", "options", "values"),
    [
        ("cells", ("--labels", "objects"), (0, 1)),
        ("cells", ("--labels", "objects-border"), (0, 1, 2)),
        ("voc", ("--labels", "mask", "--trust-labels"), (0, 8, 15, 255)),
        ("voc", ("--labels", "mask", "--ignore-label", "255"), (0, 8, 15)),
    ],
)
def test_the_option_goes_on(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: tuple[str, ...],
    values: tuple[int, ...],
) -> None:
    assert main(_train(f"{name}.tif", f"{name}_labels.tif", *options)) == 0
    card = read_card(folder / "m.keras")
    assert card.class_values == values
    pixels = card.record["class_pixels"]
    labels = image_files.read_labels(folder / f"{name}_labels.tif")
    is_ignored = (labels == 255) & ("--ignore-label" in options)
    assert sum(pixels.values()) == (~is_ignored).sum()


def test_frames_without_labels_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_train("movie.tif", "movie_labels.tif", "--labels", "mask")) == 0
    assert "9 of 10 frames have no labels and are left out." in capsys.readouterr().err
    record = read_card(folder / "m.keras").record
    assert record["class_pixels"] == {"0": 960, "1": 64}
    assert record["left_out"].startswith("9 of 10")

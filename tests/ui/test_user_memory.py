"""What a person chose is there in the next napari, and a bad file harms nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtCore import QObject

from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.session.choices import Choices
from napari_fcn_crf.ui.session.user_memory import UserMemory

CRF = replace(CRFSettings(), bilateral_weight=4.25, engine="pydensecrf")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "dock.json"


def choices(path: Path, owner: QObject) -> tuple[Choices, UserMemory]:
    memory = UserMemory(owner, path)
    return Choices(memory, owner), memory


def defaults() -> dict:
    return TrainingSettings(weights="bundled").to_dict()


def test_choices_are_written_once_and_come_back(qapp, qtbot, path: Path) -> None:
    owner = QObject()
    chosen, _ = choices(path, owner)
    weights = path.with_name("vgg16.h5")
    chosen.choose_training(iterations=7, augment=True, learning_rate=3e-6)
    chosen.choose_training(architecture="fcn8s", backbone="vgg16", weights=weights)
    chosen.choose_crf(CRF)
    chosen.choose_preview(False)
    assert not path.exists()
    qtbot.waitUntil(path.exists)
    weights.touch()
    again, _ = choices(path, owner)
    assert again.training == chosen.training
    assert again.training["weights"] == weights
    assert again.crf == CRF
    assert not again.shows_preview
    TrainingSettings(**again.training)
    weights.unlink()
    without, _ = choices(path, owner)
    assert without.training == {**chosen.training, "weights": "random"}


def test_how_many_steps_is_the_heads_until_somebody_says_so(qapp, path: Path) -> None:
    chosen, _ = choices(path, owner := QObject())
    assert (chosen.iterations, chosen.iterations_more) == (0, 100)
    chosen.choose_training(architecture="fcn8s")
    assert (chosen.iterations, chosen.iterations_more) == (0, 100)
    chosen.choose_training(weights="random")
    assert chosen.iterations == 100
    chosen.choose_training(iterations=40)
    chosen.choose_training(architecture="hypercolumn", weights="bundled")
    assert (chosen.iterations, chosen.iterations_more) == (40, 40)
    chosen.choose_training(iterations=0)
    chosen.choose_training(architecture="fcn32s", weights="random")
    assert chosen.iterations == 100
    del owner


def test_what_cannot_be_set_changes_nothing(qapp, path: Path) -> None:
    chosen, memory = choices(path, owner := QObject())
    with pytest.raises(ValueError, match="iterations"):
        chosen.choose_training(augment=True, iterations=-1)
    memory.write()
    assert not path.exists()
    assert not chosen.training["augment"]
    assert owner is not None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"version": 2, "training": {"iterations": 3}}',
        '{"version": 1, "training": [], "crf": 3, "shown": null, "images": "x"}',
        '{"version": 1, "crf": {"iterations": -1}, "training": {"weights": 3, "backbone": "x"}}',
        '{"version": 1, "training": {"iterations": "7", "augment": "no", "unknown": 1}}',
        '{"version": 1, "training": {"weights": "/no/such/file.h5"}}',
    ],
)
def test_a_bad_file_is_none(qapp, path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content, "utf-8")
    owner = QObject()
    chosen, memory = choices(path, owner)
    known = defaults()
    assert dict(chosen.training) == {name: known[name] for name in chosen.training}
    assert chosen.crf == CRFSettings()
    chosen.choose_training(iterations=3)
    memory.write()
    assert json.loads(path.read_text("utf-8"))["training"]["iterations"] == 3


def test_of_a_file_what_is_good_is_taken(qapp, path: Path) -> None:
    path.parent.mkdir()
    text = '{"version": 1, "training": {"iterations": 7, "dropout": 9, "backbone": "vgg16"}}'
    path.write_text(text, "utf-8")
    chosen, _ = choices(path, owner := QObject())
    assert chosen.training["iterations"] == 7
    assert chosen.training["dropout"] == TrainingSettings().dropout
    assert (chosen.training["backbone"], chosen.training["weights"]) == ("vgg16", "random")
    assert owner is not None


def test_a_folder_that_cannot_be_written_is_no_error(qapp, tmp_path: Path, caplog) -> None:
    (tmp_path / "file").touch()
    memory = UserMemory(owner := QObject(), tmp_path / "file" / "dock.json")
    memory.keep("training", {"iterations": 3})
    memory.write()
    assert memory.recall("training") == {"iterations": 3}
    assert "could not be kept" in caplog.text
    assert owner is not None

"""A model that nobody has saved is offered to the next napari, however the last one ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from napari_fcn_crf.compute import leftovers
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard, optimizer_path
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.session.unsaved_models import UnsavedFolder

CARD = ModelCard(
    (3, 7),
    ("rest", "nucleus"),
    1,
    IntensityMapping((0.0,), (1.0,)),
    TrainingSettings(),
    class_colours=((1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)),
)


def trained(folder: UnsavedFolder, name: str) -> Path:
    path = folder.path / f"{name}.keras"
    path.write_text(name)
    optimizer_path(path).touch()
    return path


def test_the_last_of_a_session_is_left_and_adopted(tmp_path: Path) -> None:
    first = UnsavedFolder(tmp_path)
    assert first.found() is None
    trained(first, "older")
    path = trained(first, "newer")
    first.note(path, CARD, "cat.keras")
    # While its session goes on it is nobody else's.
    assert UnsavedFolder(tmp_path).found() is None
    first.leave()
    second = UnsavedFolder(tmp_path)
    found = second.found()
    assert found is not None
    assert (found.name, found.card) == ("cat.keras", CARD)
    assert sorted(path.name for path in found.path.parent.iterdir()) == [
        "newer.keras",
        "newer.optimizer.npz",
        "unsaved.json",
    ]
    adopted = second.adopt(found)
    assert adopted.read_text() == "newer"
    assert optimizer_path(adopted).exists()
    assert UnsavedFolder(tmp_path).found() is None
    second.note(adopted, CARD, "cat.keras")
    second.leave()
    assert UnsavedFolder(tmp_path).found() is not None


def test_saved_ones_and_those_before_the_last_are_not_left(tmp_path: Path) -> None:
    for name, is_saved in (("one", False), ("two", False), ("three", True)):
        folder = UnsavedFolder(tmp_path)
        path = trained(folder, name)
        folder.note(path, CARD, name)
        if is_saved:
            folder.forget(path)
        folder.leave()
    found = UnsavedFolder(tmp_path).found()
    assert found is not None
    assert found.name == "two"
    assert list(tmp_path.iterdir()) == [found.path.parent]
    UnsavedFolder(tmp_path).discard(found)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_it_too(tmp_path: Path) -> None:
    folder = UnsavedFolder(tmp_path)
    folder.note(trained(folder, "model"), CARD, "cat.keras")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, theirs = str(os.getpid()), str(ended.pid)
    folder.path.rename(folder.path.with_name(folder.path.name.replace(mine, theirs)))
    found = UnsavedFolder(tmp_path).found()
    assert found is not None
    assert found.name == "cat.keras"


def test_damaged_notes_are_no_offer(tmp_path: Path) -> None:
    folder = UnsavedFolder(tmp_path)
    folder.note(trained(folder, "model"), CARD, "cat.keras")
    for text in ("", "[]", '{"file": "../other.keras"}', '{"file": 3}', "[" * 100_000):
        (folder.path / "unsaved.json").write_text(text)
        left = folder.path.rename(tmp_path / "left-it")
        assert UnsavedFolder(tmp_path).found() is None
        assert not left.exists()
        folder = UnsavedFolder(tmp_path)
        trained(folder, "model")


def test_a_folder_that_cannot_be_made_is_a_temporary_one(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = UnsavedFolder(tmp_path / "file")
    assert folder.path.parent == tmp_path / "temporary"
    assert leftovers._NAMES.fullmatch(folder.path.name)

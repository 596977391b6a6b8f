from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_fcn_crf import atomic_files
from napari_fcn_crf.atomic_files import atomic_path, expect_file, remove_unfinished
from napari_fcn_crf.input_error import InputError


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "model.keras"
    target.write_text("old")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.suffix == ".keras"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_fails(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "model.keras"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"), atomic_path(tmp_path / "missing" / "a"):
        pass


def killed_while_writing(target: Path) -> None:
    script = """
import os, signal, sys
from napari_fcn_crf.atomic_files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGTERM)
"""
    subprocess.run([sys.executable, "-c", script, str(target)], check=False, timeout=240)


def test_what_a_killed_process_left_goes_with_the_next_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_writing(tmp_path / "killed.keras")
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".keras"
    monkeypatch.setattr(atomic_files.platform, "node", lambda: "another machine")
    with atomic_path(tmp_path / "elsewhere.keras"):
        pass
    assert left.exists(), "its process may run on the machine that made it"
    monkeypatch.undo()
    others = [tmp_path / ".cat-notes.keras", tmp_path / "cat-unfinished-1.keras"]
    for other in others:
        other.write_text("not ours")
    with atomic_path(tmp_path / "first.keras") as first, atomic_path(tmp_path / "second.npz"):
        assert first.exists(), "this process is still writing it"
        assert not left.exists()
    names = {"elsewhere.keras", "first.keras", "second.npz"}
    assert {path.name for path in tmp_path.iterdir()} == names | {other.name for other in others}


def test_a_process_of_the_same_number_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = atomic_files._owner()
    machine, number, started = before.split("-")
    monkeypatch.setattr(atomic_files, "_owner", lambda: f"{machine}-{number}-{int(started) - 3600}")
    with atomic_path(tmp_path / "before.keras") as left:
        monkeypatch.undo()
        with atomic_path(tmp_path / "now.keras"):
            assert not left.exists()
        left.touch()


def test_a_target_is_cleared_of_what_a_killed_process_left(tmp_path: Path) -> None:
    target = tmp_path / f"{'細' * 80}.keras"
    killed_while_writing(target)
    assert len(list(tmp_path.iterdir())) == 1
    remove_unfinished(tmp_path / "other.keras")
    assert len(list(tmp_path.iterdir())) == 1
    remove_unfinished(target)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_where_there_is_no_file_the_user_is_told(tmp_path: Path, name: str) -> None:
    """Also from the compute process, which tells nothing but errors of this kind."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=name):
        expect_file(tmp_path / name, "a file")

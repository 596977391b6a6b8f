"""What is on disk is run only if this user wrote it, and as it was written."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numba
import platformdirs
import pytest
from numba import config

from napari_fcn_crf.kernels import cache
from napari_fcn_crf.kernels.cache import KernelCache, cache_folder

pytestmark = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
with_owners = pytest.mark.skipif(os.name != "posix", reason="files have no such owners")

SOURCES = Path(cache.__file__).parent


def twice(value):
    return 2 * value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def cached() -> Any:
    """Return `twice` as a process sees it that has just begun."""
    dispatcher = numba.njit(twice)
    dispatcher._cache = KernelCache(twice)
    assert dispatcher(21) == 42
    return dispatcher


def is_read() -> bool:
    return sum(cached().stats.cache_hits.values()) == 1


def only(folder: Path, ending: str) -> Path:
    (found,) = folder.rglob(f"*.{ending}")
    return found


def test_what_was_compiled_is_read_again(folder: Path) -> None:
    assert not is_read()
    assert is_read()
    if os.name == "posix":
        assert only(folder, "nbi").stat().st_mode & 0o777 == 0o600
        assert only(folder, "nbc").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "gone"])
def test_damaged_files_are_written_anew(folder: Path, ending: str, damage: str) -> None:
    cached()
    file = only(folder, ending)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"empty": b"", "cut": content[:99], "changed": content}.get(damage, b""))
    if damage == "gone":
        file.unlink()
    assert not is_read()
    assert is_read()


class Evil:
    """Its pickle makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def plant(file: Path, mark: Path) -> None:
    content = pickle.dumps(Evil(mark))
    file.write_bytes(hashlib.sha256(content).digest() + content)


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file or folder another user's, or this user another."""
    owner = path.stat().st_uid
    if owner == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)


@with_owners
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("way", ["group", "everybody", "another user"])
def test_what_others_may_have_written_is_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str, way: str
) -> None:
    cached()
    file = only(folder, ending)
    plant(file, folder / "ran")
    file.chmod({"group": 0o660, "everybody": 0o602}.get(way, 0o600))
    if way == "another user":
        give_away(file, monkeypatch)
    cached()
    assert not (folder / "ran").exists()


def test_what_this_user_wrote_would_be_run(folder: Path) -> None:
    """Without this, the test above could not fail."""
    cached()
    plant(only(folder, "nbc"), folder / "ran")
    cached()
    assert (folder / "ran").exists()


@pytest.mark.parametrize("failing", ["_write", "_load_index"])
def test_a_full_or_failing_disk_is_as_good_as_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache._CheckedFiles, failing, fail)
    assert not is_read()
    assert not is_read()
    assert list(folder.rglob("*.nb?")) == []


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, without a folder chosen for numba."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache"


@with_owners
def test_the_folder_is_the_users_alone(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    try:
        folder = cache_folder(SOURCES)
    finally:
        os.umask(before)
    assert folder is not None
    assert folder.is_relative_to(users)
    assert folder.stat().st_mode & 0o777 == 0o700
    for mode in (0o770, 0o702):
        folder.chmod(mode)
        assert cache_folder(SOURCES) is None
    folder.chmod(0o700)
    assert cache_folder(SOURCES) == folder
    give_away(folder, monkeypatch)
    assert cache_folder(SOURCES) is None


@pytest.mark.skipif(sys.platform == "win32", reason="it is as if it were Windows")
def test_on_windows_only_the_profile_is_trusted(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_HAS_OWNERS", False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "profile")
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "shared"))
    assert cache_folder(SOURCES).is_relative_to(users)
    assert not (tmp_path / "shared").exists()
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "profile" / "numba"))
    assert cache_folder(SOURCES) == tmp_path / "profile" / "numba"


def test_a_chosen_folder_that_cannot_be_written_to_is_not_used(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "file" / "numba"))
    assert cache_folder(SOURCES).is_relative_to(users)

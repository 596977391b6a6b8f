"""What killed processes left behind goes with the next start, and nothing else does."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_fcn_crf.compute import leftovers
from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.settings import ComputeSettings
from tests.compute.conftest import SHARED_MEMORY, shared_blocks

_KILLED = """
import os, signal
import numpy as np
from pathlib import Path
from napari_fcn_crf.compute.leftovers import owned_folder
from napari_fcn_crf.compute.shared import SharedArrays

folder = owned_folder(Path(os.environ["TMPDIR"]))
SharedArrays().share([np.zeros(1000)])
(folder / "model-1.keras").touch()
print(flush=True)
os.killpg(0, signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, and for shared blocks."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(leftovers, "SHARED_MEMORY", tmp_path / "shared")
    (tmp_path / "shared").mkdir()
    return tmp_path


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="shared memory is no folder here")
def test_the_next_start_removes_what_a_killed_group_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert killed.wait(240) == -signal.SIGKILL
    assert len(shared_blocks(killed.pid)) == 1
    (folder,) = tmp_path.iterdir()
    assert (folder / "model-1.keras").exists()

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service = ComputeService()
    service.configure(ComputeSettings(interpreter="/no/such/python"))
    with pytest.raises(ValueError, match="there is no program"):
        service.describe_weights("weights.h5").result()
    assert shared_blocks(killed.pid) == []
    assert list(tmp_path.iterdir()) == []


def named(pid: int, place: str | None = None) -> tuple[str, str]:
    """Names of a block and of a folder of a process."""
    owner = f"{pid}_{leftovers._place() if place is None else place}"
    return f"shared/nfc_{owner}_0123abcd", f"napari-fcn-crf-{owner}-x1_y2"


def make(folder: Path, names: tuple[str, ...], changed: float | None = None) -> list[Path]:
    """Make a file and a folder with something in it."""
    block, session = (folder / name for name in names)
    block.touch()
    session.mkdir()
    (session / "model-1.keras").touch()
    for path in (block, session):
        if changed is not None:
            os.utime(path, (changed, changed))
    return [block, session]


def gone_pid() -> int:
    """Return the number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_number_that_another_process_has_now_is_seen(temporary: Path) -> None:
    before = psutil.Process().create_time() - 2 * 24 * 3600
    abandoned = make(temporary, named(os.getpid()), before)
    leftovers.remove_leftovers()
    assert not any(path.exists() for path in abandoned)


@pytest.mark.parametrize(
    "names",
    [
        lambda gone: named(os.getpid()),
        lambda gone: named(gone, "00000000"),  # of another container
        lambda gone: (f"shared/nfc_{gone}", f"napari-fcn-crf-{gone}"),
        lambda gone: tuple(f"{name}.txt" for name in named(gone)),
    ],
)
def test_what_is_in_use_or_not_ours_stays(
    temporary: Path, names: Callable[[int], tuple[str, str]]
) -> None:
    kept = make(temporary, names(gone_pid()))
    leftovers.remove_leftovers()
    assert all(path.exists() for path in kept)


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away"
)
def test_what_another_user_left_stays(temporary: Path) -> None:
    kept = make(temporary, named(gone_pid()))
    for path in kept:
        os.chown(path, 12345, -1)
    leftovers.remove_leftovers()
    assert all(path.exists() for path in kept)


def test_what_was_made_is_recognised(temporary: Path) -> None:
    folder = leftovers.owned_folder(temporary)
    names = (leftovers.block_name(), folder.name)
    assert all(leftovers._NAMES.fullmatch(name) for name in names)
    assert len(names[0]) < 30

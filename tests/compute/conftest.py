"""One warm compute process for the tests that do not end it, and a small thing to train on."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_fcn_crf.compute.parent.child import Child
from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.settings import ComputeSettings, TrainingSettings

SHARED_MEMORY = Path("/dev/shm")
CPU = ComputeSettings(device="cpu")
SHORT = TrainingRequest(TrainingSettings(iterations=3))
SOLVED = TrainingRequest(TrainingSettings(iterations=0))
ENDLESS = TrainingRequest(TrainingSettings(iterations=1_000_000))

PATIENCE_S = 240
"""Within which anything comes that comes at all, on a busy machine too."""

FAKE_NVIDIA = """#!/bin/sh
echo "0, GPU-aaa, 81000"
echo "1, GPU-bbb, 500"
"""


def shared_blocks(parent_pid: int) -> list[str]:
    """Names of the shared memory blocks of a process and its compute process."""
    return [path.name for path in SHARED_MEMORY.glob(f"nfc_{parent_pid}_*")]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what must come; fail if it does not."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def let_tasks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a cancelled task end by itself, however long a busy machine takes, or not at all."""
    _, *others = Child.call.__defaults__
    monkeypatch.setattr(Child.call, "__defaults__", (PATIENCE_S, *others))


def let_no_backend_load(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the import of Keras, in processes that are started, wait for ever to read a file."""
    os.mkfifo(folder / "keras.json")
    monkeypatch.setenv("KERAS_HOME", str(folder))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert shared_blocks(os.getpid()) == []


@pytest.fixture(scope="session")
def warm_service() -> Iterator[ComputeService]:
    """The process most tests share; starting one takes five seconds."""
    service = ComputeService()
    service.configure(CPU)
    yield service
    service.close()


@pytest.fixture
def service() -> Iterator[ComputeService]:
    """A process that a test may end."""
    service = ComputeService()
    service.configure(CPU)
    yield service
    service.close()


@pytest.fixture
def suspend() -> Iterator[Callable[[int], None]]:
    """Stop a process where it is; it ends with the test at the latest."""
    stopped = []

    def suspend(pid: int) -> None:
        stopped.append(psutil.Process(pid))
        stopped[-1].suspend()

    yield suspend
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def unloadable(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend whose import never ends."""
    let_no_backend_load(monkeypatch, tmp_path_factory.mktemp("keras"))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled tasks that end by themselves."""
    let_tasks_end(monkeypatch)


@pytest.fixture
def image() -> np.ndarray:
    """A dark half and a bright one, with noise."""
    pixels = np.random.default_rng(0).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    pixels[:, 32:] += 150
    return pixels


@pytest.fixture
def labels() -> np.ndarray:
    """A stroke on each half."""
    strokes = np.zeros((64, 64), np.int32)
    strokes[10:50, 5:10] = 1
    strokes[10:50, 50:60] = 7
    return strokes

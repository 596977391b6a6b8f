"""The compute process ends when it must, however that comes, and a dead one is replaced."""

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_fcn_crf.compute.parent.service import ComputeError, ComputeService
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import PredictionSettings, TrainingSettings
from tests.compute.conftest import (
    ENDLESS,
    PATIENCE_S,
    SHORT,
    is_gone,
    shared_blocks,
    wait_until,
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.usefixtures("unloadable")
def test_cancel_while_the_backend_loads(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    job = service.train([image], [labels], SHORT, tmp_path / "model.keras")
    events = job.events()
    assert next(events).phase == "Starting TensorFlow"
    pid = service.pid
    assert pid is not None
    assert not is_gone(pid)
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(PATIENCE_S)
    assert list(events) == []
    wait_until(lambda: is_gone(pid))
    assert list(tmp_path.iterdir()) == []


def test_cancel_when_the_process_hangs_keeps_the_last_checkpoint(
    warm_service: ComputeService,
    suspend: Callable[[int], None],
    image: np.ndarray,
    labels: np.ndarray,
    tmp_path: Path,
) -> None:
    job = warm_service.train([image], [labels], ENDLESS, tmp_path / "model.keras")
    for progress in job.events():
        if progress.loss is not None and progress.current == 3:
            suspend(warm_service.pid)
            job.cancel()
            break
    assert len(job.result(PATIENCE_S).losses) >= 1
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["model.keras", "model.optimizer.npz"]


def test_cancel_while_the_process_does_not_read(
    warm_service: ComputeService,
    suspend: Callable[[int], None],
    image: np.ndarray,
    labels: np.ndarray,
    tmp_path: Path,
) -> None:
    """A pipe takes 64 kB; what is more waits for the one who reads."""
    warm_service.prepare()
    wait_until(lambda: warm_service.is_warm)
    suspend(warm_service.pid)
    names = dict.fromkeys(range(2000), "a long name" * 20)
    path = tmp_path / "model.keras"
    job = warm_service.train([image], [labels], replace(SHORT, class_names=names), path)
    wait_until(lambda: any(one.name == "fcn-crf-sending" for one in threading.enumerate()))
    assert not job.done
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(PATIENCE_S)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_told_and_replaced(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    job = warm_service.train([image], [labels], ENDLESS, path)
    for progress in job.events():
        if progress.loss is not None and progress.current == 3:
            psutil.Process(warm_service.pid).kill()
    with pytest.raises(ComputeError, match=r"ended unexpectedly.*out of memory.*is kept") as raised:
        job.result()
    assert raised.value.model_path == path
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["model.keras", "model.optimizer.npz"]
    assert warm_service.pid is None
    for kill in (True, False):
        job = warm_service.predict(path, image)
        assert next(job.events()).phase.startswith("Starting TensorFlow")
        assert job.result().shape == (2, 64, 64)
        pid = warm_service.pid
        if kill:
            psutil.Process(pid).kill()  # while it idles
            wait_until(lambda pid=pid: is_gone(pid))


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory so")
def test_want_of_memory_makes_tiles_smaller_even_if_it_ends_the_process(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    service.train(
        [image], [labels], replace(SHORT, settings=TrainingSettings(iterations=1)), path
    ).result()
    large = np.tile(image, (16, 16, 1))
    # A tile of 1024 px takes three gigabytes, and each smaller one a quarter of those before. How
    # much of it what failed has left, in pieces of what size, is the system's affair.
    for megabytes in (1300, 1800, 2300, 2600):
        process = psutil.Process(service.pid)
        limit = process.memory_info().vms + megabytes * 2**20
        process.rlimit(psutil.RLIMIT_AS, (limit, limit))
        job = service.predict(path, large)
        notes = [progress.note for progress in job.events() if progress.phase == "Predicting"]
        with suppress(ComputeError):
            probabilities = job.result()
            break
    else:
        pytest.fail("no memory sufficed for smaller tiles")
    found = re.search(r"emory.*; the image was predicted in tiles of (512|256) px\.$", notes[-1])
    assert found is not None
    expected = service.predict(path, large, PredictionSettings(tile_px=int(found[1]))).result()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_close_while_training_ends_everything(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    job = service.train([image], [labels], ENDLESS, tmp_path / "model.keras")
    next(job.events())
    pid = service.pid
    service.close()
    assert job.done
    wait_until(lambda: is_gone(pid))
    service.close()


_PARENT = """
import os, sys, time
from pathlib import Path
import numpy as np
from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.settings import ComputeSettings, TrainingSettings

service = ComputeService()
service.configure(ComputeSettings(device="cpu"))
image = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
labels = np.zeros((64, 64), int)
labels[:9] = 1
labels[-9:] = 2
endless = TrainingRequest(TrainingSettings(iterations=10**6))
job = service.train([image], [labels], endless, Path(sys.argv[1]))
for progress in job.events():
    if progress.phase.startswith(sys.argv[2]):
        print(service.pid, flush=True)
        break
"""


def start_parent(ending: str, model: Path, phase: str) -> tuple[subprocess.Popen[str], int]:
    """Start a parent that does `ending` when its job is in `phase`; return it and the child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT + textwrap.dedent(ending), str(model), phase],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return parent, int(parent.stdout.readline())


@pytest.mark.long
def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    parent, child = start_parent("time.sleep(600)", tmp_path / "model.keras", "Starting")
    assert psutil.pid_exists(child)
    parent.kill()
    parent.communicate()
    wait_until(lambda: is_gone(child))
    # The parent's resource tracker, which outlives it, frees what it shared.
    wait_until(lambda: shared_blocks(parent.pid) == [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_killed_parent_leaves_no_process_whoever_holds_the_channel(tmp_path: Path) -> None:
    """What the parent has forked has its pipes, too."""
    code = "os.fork()\ntime.sleep(600)"
    parent, child = start_parent(code, tmp_path / "model.keras", "Training")
    family = psutil.Process(parent.pid)

    def forks() -> list[psutil.Process]:
        return [one for one in family.children() if one.cmdline() == family.cmdline()]

    wait_until(lambda: len(forks()) == 1)
    (holder,) = forks()
    try:
        parent.kill()
        parent.wait()
        wait_until(lambda: is_gone(child))
        assert not is_gone(holder.pid)
    finally:
        holder.kill()
    parent.communicate()
    wait_until(lambda: shared_blocks(parent.pid) == [])


@pytest.mark.parametrize(
    ("ending", "phase", "code"),
    [
        pytest.param(
            "raise RuntimeError('the parent fails')", "Training", 1, marks=pytest.mark.long
        ),
        ("sys.exit(3)", "Starting", 3),
    ],
)
def test_a_parent_that_ends_leaves_no_process(
    tmp_path: Path, ending: str, phase: str, code: int
) -> None:
    # The compute process is there so that its parent stays free of the backend.
    check = "\nassert not {'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)\n"
    parent, child = start_parent(check + ending, tmp_path / "model.keras", phase)
    _, errors = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == code
    wait_until(lambda: is_gone(child))
    assert "leaked" not in errors
    assert "AssertionError" not in errors
    wait_until(lambda: shared_blocks(parent.pid) == [])
    assert ("the parent fails" in errors) == (code == 1)

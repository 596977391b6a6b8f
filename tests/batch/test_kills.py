"""A run that is killed, or one of whose processes is, ends with the files of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
import zarr

from tests.batch.test_batch import batch, contents

PATIENCE_S = 240


def command(model: Path, plate: Path, out: Path, *options: object) -> list[str]:
    """Return the command line of a batch."""
    arguments = ["batch", model, plate, "-o", out, "--probabilities", "--device", "cpu", *options]
    return [sys.executable, "-m", "napari_fcn_crf", *map(str, arguments)]


def start(model: Path, plate: Path, out: Path, *options: object) -> subprocess.Popen[str]:
    """Start a batch in a group of its own."""
    return subprocess.Popen(
        command(model, plate, out, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(out: Path, count: int, run: subprocess.Popen[str]) -> None:
    """Wait until so many of a run's files are there, or it is over."""
    # What is being written has a name that begins with a dot, which a bare "*" takes, too.
    wait_until(run, lambda: len(list(out.glob("[!.]*.tif"))) >= count)


def wait_until(run: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Wait for something, or until a run is over."""
    deadline = time.monotonic() + PATIENCE_S
    while run.poll() is None and not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_group(run: subprocess.Popen[str]) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def multiply(plate: Path, count: int) -> None:
    """Add images to a folder until it has so many."""
    for k in range(5, count + 1):
        image = tifffile.imread(plate / f"a{k - 4}.tif")
        tifffile.imwrite(plate / f"a{k}.tif", np.roll(image, k, axis=1))


@pytest.fixture
def many(plate: Path) -> Path:
    """Twelve images."""
    multiply(plate, 12)
    return plate


@pytest.fixture
def endless(plate: Path) -> Path:
    """More images than are done before a run is stopped, on any machine."""
    multiply(plate, 200)
    return plate


def test_killed_at_any_moment_it_is_gone_on_with(
    many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert batch(model_path, many, "-o", whole, "--probabilities") == 0
    seed = int(os.environ.get("BATCH_KILL_SEED", "0"))
    moments = random.Random(seed)
    kills = int(os.environ.get("BATCH_KILLS", "2"))
    for k in range(kills):
        run = start(model_path, many, out)
        wait_for(out, 1 + (k + 1) * 22 // (kills + 1), run)
        time.sleep(moments.uniform(0, 0.05))
        kill_group(run)
        assert "failed.txt" not in contents(out)
    done = len(contents(out))
    assert done > 0
    assert batch(model_path, many, "-o", out, "--probabilities") == 0
    assert contents(out) == contents(whole)


def test_an_image_in_blocks_is_gone_on_with_by_other_processes(
    tmp_path: Path, model_path: Path, tiny_image: np.ndarray
) -> None:
    """Killed between its blocks, then shared among two processes of which one is killed."""
    image = tmp_path / "large.zarr"
    # As long as many blocks, and as narrow as may be.
    pixels = np.tile(tiny_image, (1, 260, 1))
    zarr.create_array(str(image), data=pixels, chunks=(60, 512, 3))
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--no-refine", "--threads", 1)
    assert batch(model_path, image, "-o", whole, *options) == 0
    arguments = [model_path, image, "-o", out, *options, "--device", "cpu"]
    line = [sys.executable, "-m", "napari_fcn_crf", "batch", *map(str, arguments)]
    run = subprocess.Popen(line, start_new_session=True, text=True)
    done = out / ".large_predicted.zarr-unfinished" / "done"
    wait_until(run, lambda: done.is_dir() and len(list(done.iterdir())) >= 2)
    kill_group(run)
    before = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    assert 2 <= len(before) < 9
    run = subprocess.Popen([*line, "--workers", "2"], start_new_session=True, text=True)
    wait_until(run, lambda: len(list(done.iterdir())) > len(before))
    children = psutil.Process(run.pid).children()
    next(one for one in children if "spawn_main" in str(one.cmdline())).kill()
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in done.iterdir()}.items()
    assert run.wait(PATIENCE_S) == 0
    assert contents(out) == contents(whole)


def test_workers_give_the_same_and_one_may_be_killed(
    many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--threads", 1)
    assert batch(model_path, many, "-o", whole, "--probabilities", *options) == 0
    run = start(model_path, many, out, "--workers", 2, *options)
    wait_for(out, 1, run)
    workers = [
        one for one in psutil.Process(run.pid).children() if "spawn_main" in str(one.cmdline())
    ]
    assert len(workers) == 2
    workers[0].kill()
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, error) == (0, "")
    assert said.startswith("12 images done.")
    assert contents(out) == contents(whole)


def test_ctrl_c_ends_all_processes_and_leaves_no_halves(
    endless: Path, tmp_path: Path, model_path: Path
) -> None:
    out = tmp_path / "out"
    run = start(model_path, endless, out, "--workers", 2)
    wait_for(out, 1, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, said, error) == (130, "", "napari-fcn-crf: stopped.\n")
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert not [name for name in contents(out) if name.startswith(".")]
    assert 0 < len(contents(out)) < 400


def test_processes_end_with_their_parent(endless: Path, tmp_path: Path, model_path: Path) -> None:
    out = tmp_path / "out"
    run = start(model_path, endless, out, "--workers", 2)
    wait_for(out, 1, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


def test_a_model_that_cannot_be_loaded_ends_the_run(
    plate: Path, tmp_path: Path, model_path: Path
) -> None:
    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(model_path) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:1000] if name.endswith(".h5") else data)
    run = start(broken, plate, tmp_path / "out", "--workers", 2)
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, said) == (2, "")
    assert "broken.keras" in error
    assert error.count("\n") == 1

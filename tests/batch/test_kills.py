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
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
import zarr

from tests.batch import gated
from tests.batch.gated import Gate
from tests.batch.test_batch import batch, contents

PATIENCE_S = 240
# What is being written has a name that begins with a dot, which a bare "*" takes, too.
ENDLESS = 60
RESULTS = "[!.]*.tif"


def start(
    model: Path, plate: Path, out: Path, *options: object, gate: Gate | None = None
) -> subprocess.Popen[str]:
    """Start a batch in a group of its own."""
    arguments = ("batch", model, plate, "-o", out, "--device", "cpu", *options)
    line = [sys.executable, "-m", "napari_fcn_crf", *map(str, arguments)]
    return subprocess.Popen(
        line if gate is None else gated.command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=None if gate is None else gate.environment,
    )


def gate_at(out: Path, limit: int) -> Gate:
    """Return a gate that closes when so many of a run's files are there."""
    return Gate(out.with_name("gate"), str(out / RESULTS), limit)


def wait_for(out: Path, count: int, run: subprocess.Popen[str]) -> None:
    """Wait until so many of a run's files are there, or it is over."""
    wait_until(run, lambda: len(list(out.glob(RESULTS))) >= count)


def wait_until(run: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Wait for something, or until a run is over."""
    deadline = time.monotonic() + PATIENCE_S
    while run.poll() is None and not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_group(run: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):  # it is over
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def multiply(plate: Path, count: int) -> None:
    """Add images to a folder until it has so many."""
    for k in range(5, count + 1):
        image = tifffile.imread(plate / f"a{k - 4}.tif")
        tifffile.imwrite(plate / f"a{k}.tif", np.roll(image, k, axis=1))


@pytest.fixture
def many(plate: Path) -> Path:
    """Eight images."""
    multiply(plate, 8)
    return plate


@pytest.fixture
def endless(plate: Path) -> Path:
    """More images than are done before a run is stopped; on a fast machine it waits at a gate."""
    multiply(plate, ENDLESS)
    return plate


@pytest.mark.long
def test_killed_at_any_moment_it_is_gone_on_with(
    many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert batch(model_path, many, "-o", whole, "--probabilities") == 0
    seed = int(os.environ.get("BATCH_KILL_SEED", "0"))
    moments = random.Random(seed)
    kills = int(os.environ.get("BATCH_KILLS", "2"))
    for k in range(kills):
        run = start(model_path, many, out, "--probabilities")
        wait_for(out, 1 + (k + 1) * 14 // (kills + 1), run)
        time.sleep(moments.uniform(0, 0.05))
        kill_group(run)
        assert "failed.txt" not in contents(out)
    done = len(contents(out))
    assert done > 0
    assert batch(model_path, many, "-o", out, "--probabilities") == 0
    assert contents(out) == contents(whole)


@pytest.mark.long
def test_an_image_in_blocks_is_gone_on_with_by_other_processes(
    tmp_path: Path, model_path: Path, tiny_image: np.ndarray
) -> None:
    """Killed between its blocks, then shared among two processes of which one is killed."""
    image = tmp_path / "large.zarr"
    # As long as six blocks, and as narrow as may be.
    pixels = np.tile(tiny_image, (1, 160, 1))
    zarr.create_array(str(image), data=pixels, chunks=(60, 512, 3))
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--no-refine", "--threads", 1, "--objects", 7)
    assert batch(model_path, image, "-o", whole, *options) == 0
    done = out / ".large_predicted.zarr-unfinished" / "done"
    first = Gate(tmp_path / "first", str(done / "*"), 2)
    run = start(model_path, image, out, *options, gate=first)
    wait_until(run, lambda: bool(first.waiting()))
    kill_group(run)
    before = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    assert len(before) == 2
    second = Gate(tmp_path / "second", str(done / "*"), 3)
    run = start(model_path, image, out, *options, "--workers", 2, gate=second)
    wait_until(run, lambda: len(second.waiting()) == 2)
    psutil.Process(second.waiting().pop()).kill()
    assert before.items() < {path.name: path.stat().st_mtime_ns for path in done.iterdir()}.items()
    second.open()
    _, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, error) == (0, "")
    assert contents(out) == contents(whole)


def test_workers_give_the_same_and_one_may_be_killed(
    many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--threads", 1)
    assert batch(model_path, many, "-o", whole, "--probabilities", *options) == 0
    gate = gate_at(out, 4)
    run = start(model_path, many, out, "--probabilities", "--workers", 2, *options, gate=gate)
    wait_until(run, lambda: len(gate.waiting()) == 2)
    psutil.Process(gate.waiting().pop()).kill()
    gate.open()
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, error) == (0, "")
    assert said.startswith("8 images done.")
    assert contents(out) == contents(whole)


def test_ctrl_c_ends_all_processes_and_leaves_no_halves(
    endless: Path, tmp_path: Path, model_path: Path
) -> None:
    out = tmp_path / "out"
    run = start(model_path, endless, out, "--workers", 2, gate=gate_at(out, ENDLESS - 9))
    wait_for(out, 1, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, said, error) == (130, "", "napari-fcn-crf: stopped.\n")
    assert psutil.wait_procs(workers, timeout=PATIENCE_S)[1] == []
    assert not [name for name in contents(out) if name.startswith(".")]
    assert 0 < len(contents(out)) < ENDLESS


@pytest.mark.long
def test_processes_end_with_their_parent(endless: Path, tmp_path: Path, model_path: Path) -> None:
    out = tmp_path / "out"
    run = start(model_path, endless, out, "--workers", 2, gate=gate_at(out, ENDLESS - 9))
    wait_for(out, 1, run)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.communicate()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert alive == []


def test_a_model_that_cannot_be_loaded_ends_the_run(
    plate: Path, tmp_path: Path, model_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(model_path) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:1000] if name.endswith(".h5") else data)
    # One image, and so one process.
    assert batch(broken, plate / "a1.tif", "-o", tmp_path / "out", "--workers", 2) == 2
    said, error = capfd.readouterr()
    assert said == ""
    assert "broken.keras" in error
    assert error.count("\n") == 1

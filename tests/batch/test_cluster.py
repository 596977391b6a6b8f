"""A batch on a cluster: a real scheduler and real workers, some of which end or come late."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_fcn_crf.batch.cluster import tell_of_no_workers
from tests.batch.test_batch import batch, contents

pytest.importorskip("distributed")

PATIENCE_S = 240
WORKER = "from distributed.cli.dask_worker import main; main()"
LACKING = f"import sys; sys.modules['napari_fcn_crf'] = None; {WORKER}"


class Cluster:
    """Processes of a scheduler and workers."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        scheduler = "from distributed.cli.dask_scheduler import main; main()"
        options = ("--scheduler-file", self.file, "--port", 0, "--dashboard-address", ":0")
        self._start(scheduler, *options, "--host", "127.0.0.1")
        wait_until(self.file.exists)

    def worker(self, code: str = WORKER) -> subprocess.Popen[bytes]:
        """Start a worker, which joins when it is ready."""
        options = ("--scheduler-file", self.file, "--nthreads", 1, "--no-nanny", "--no-dashboard")
        return self._start(code, *options, "--local-directory", self._folder)

    def batch(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a batch on it."""
        options = ("--scheduler-file", self.file, "--device", "cpu", "--threads", 1)
        command = [sys.executable, "-m", "napari_fcn_crf", "batch", *arguments, *options]
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, code: str, *options: object) -> subprocess.Popen[bytes]:
        log = (self._folder / f"log{len(self._processes)}").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, options)], stdout=log, stderr=log
        )
        log.close()
        self._processes.append(process)
        return process


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    one = Cluster(folder)
    yield one
    one.end()


@pytest.fixture
def many(plate: Path) -> Path:
    """Twenty-one images, one of which is broken, and one in blocks."""
    for k in range(5, 21):
        image = tifffile.imread(plate / f"a{(k - 1) % 4 + 1}.tif")
        tifffile.imwrite(plate / f"a{k}.tif", np.roll(np.tile(image, (6, 6, 1)), k, axis=1))
    (plate / "b.tif").write_bytes((plate / "a5.tif").read_bytes()[:3000])
    # Of five blocks, as narrow as may be.
    wide = np.tile(tifffile.imread(plate / "a1.tif"), (1, 140, 1))
    zarr.create_array(str(plate / "a0.zarr"), data=wide, chunks=(60, 512, 3))
    return plate


def test_one_worker_is_killed_and_one_is_late(
    cluster: Cluster, many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert batch(model_path, many, "-o", whole, "--threads", 1) == 3
    first = cluster.worker()
    run = cluster.batch(model_path, many, "-o", out)
    blocks = out / ".a0_refined.zarr-unfinished" / "done"
    wait_until(lambda: run.poll() is not None or bool(list(blocks.glob("*"))))
    first.kill()
    first.wait()
    before = {path.name: path.stat().st_mtime_ns for path in blocks.iterdir()}
    assert 0 < len(before) < 5
    cluster.worker()
    wait_until(lambda: run.poll() is not None or len(list(blocks.glob("*"))) > len(before))
    after = {path.name: path.stat().st_mtime_ns for path in blocks.iterdir()}
    assert before.items() <= after.items()
    said, error = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 3
    # dask may say that a result was lost with its worker; where the second one took long, it is
    # said that there was none.
    ours = [line for line in error.splitlines() if line.startswith("napari-fcn-crf: ")]
    (failure,) = (line for line in ours if "Waiting for workers" not in line)
    assert "b.tif cannot be read" in failure
    assert said.startswith("21 images done, 1 failed, see failed.txt.")
    found, expected = contents(out), contents(whole)
    assert {name for name in found if not name.startswith(".")} == set(expected)
    assert all(found[name] == expected[name] for name in expected)


def test_a_worker_without_the_package_is_named(
    cluster: Cluster, plate: Path, tmp_path: Path, model_path: Path
) -> None:
    cluster.worker(LACKING)
    from distributed import Client

    with Client(scheduler_file=str(cluster.file)) as client:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    run = cluster.batch(model_path, plate, "-o", tmp_path / "out")
    said, error = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, said) == (2, "")
    assert "Every worker needs napari-fcn-crf" in error
    assert "does not have it" in error
    assert error.count("\n") == 1


def test_a_scheduler_that_ends_and_one_that_never_was(
    cluster: Cluster, plate: Path, tmp_path: Path, model_path: Path
) -> None:
    out = tmp_path / "out"
    run = cluster.batch(model_path, plate, "-o", out)
    wait_until(lambda: run.poll() is not None or (out / "ledger.jsonl").exists())
    cluster.end()
    _, error = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2
    assert "is gone. Start it, and run the same command again" in error
    cluster.file.unlink()
    run = cluster.batch(model_path, plate, "-o", out)
    _, error = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 2
    assert "Expected a file that a scheduler wrote" in error


def test_that_there_are_no_workers_is_said(cluster: Cluster) -> None:
    from distributed import Client

    said: list[str] = []
    with Client(scheduler_file=str(cluster.file), set_as_default=False) as client:
        looks = []
        watched = SimpleNamespace(
            scheduler=client.scheduler, nthreads=lambda: looks.append(1) or client.nthreads()
        )
        with tell_of_no_workers(watched, said.append, every_s=0.01):
            wait_until(lambda: len(looks) >= 3)
        address = client.scheduler.address
    # Once, however long it takes.
    assert len(said) == 1
    assert said[0].startswith(f"Waiting for workers at {address}: there are none.")

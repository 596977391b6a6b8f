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
from tests.batch import gated
from tests.batch.gated import Gate
from tests.batch.test_batch import batch, contents

pytest.importorskip("distributed")

PATIENCE_S = 240
LACKING = """
import sys
sys.modules["napari_fcn_crf"] = None
from distributed.cli.dask_worker import main
main()
"""


class Cluster:
    """Processes of a scheduler and workers."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        scheduler = "from distributed.cli.dask_scheduler import main; main()"
        options = ("--scheduler-file", self.file, "--port", 0, "--dashboard-address", ":0")
        self._start([sys.executable, "-c", scheduler, *options, "--host", "127.0.0.1"])
        wait_until(self.file.exists)

    def worker(self, code: str = "", gate: Gate | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, which joins when it is ready."""
        options = ("--scheduler-file", self.file, "--nthreads", 1, "--no-nanny", "--no-dashboard")
        options = (*options, "--local-directory", self._folder)
        if gate is None:
            return self._start([sys.executable, "-c", code, *options])
        return self._start(gated.command("worker", *options), gate.environment)

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

    def _start(
        self, command: list[object], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        log = (self._folder / f"log{len(self._processes)}").open("wb")
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment)
        log.close()
        self._processes.append(process)
        return process


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lines(path: Path) -> int:
    return path.read_text().count("\n")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    one = Cluster(folder)
    yield one
    one.end()


@pytest.fixture
def many(plate: Path) -> Path:
    """Seven images, one of which is broken, and one in blocks."""
    for k in range(5, 7):
        image = tifffile.imread(plate / f"a{(k - 1) % 4 + 1}.tif")
        tifffile.imwrite(plate / f"a{k}.tif", np.roll(np.tile(image, (6, 6, 1)), k, axis=1))
    (plate / "b.tif").write_bytes((plate / "a5.tif").read_bytes()[:3000])
    # Of five blocks, as narrow as may be.
    wide = np.tile(tifffile.imread(plate / "a1.tif"), (1, 140, 1))
    zarr.create_array(str(plate / "a0.zarr"), data=wide, chunks=(60, 512, 3))
    return plate


@pytest.mark.long
def test_one_worker_is_killed_and_one_is_late(
    cluster: Cluster, many: Path, tmp_path: Path, model_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    objects = ("--objects", 7)
    assert batch(model_path, many, "-o", whole, "--threads", 1, *objects) == 3
    done = out / ".a0_refined.zarr-unfinished" / "done"
    gates = [Gate(tmp_path / f"gate{limit}", str(done / "*"), limit) for limit in (2, 3)]
    first = cluster.worker(gate=gates[0])
    run = cluster.batch(model_path, many, "-o", out, *objects)
    wait_until(lambda: run.poll() is not None or bool(gates[0].waiting()))
    first.kill()
    first.wait()
    before = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    assert len(before) == 2
    cluster.worker(gate=gates[1])
    wait_until(lambda: run.poll() is not None or bool(gates[1].waiting()))
    after = {path.name: path.stat().st_mtime_ns for path in done.iterdir()}
    assert before.items() < after.items()
    gates[1].open()
    said, error = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 3
    # dask may say that a result was lost with its worker; where the second one took long, it is
    # said that there was none.
    ours = [line for line in error.splitlines() if line.startswith("napari-fcn-crf: ")]
    (failure,) = (line for line in ours if "Waiting for workers" not in line)
    assert "b.tif cannot be read" in failure
    assert said.startswith("7 images done, 1 failed, see failed.txt.")
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
    ledger = out / "ledger.jsonl"
    # One task is on its way when the next is noted.
    wait_until(lambda: run.poll() is not None or (ledger.exists() and _lines(ledger) > 1))
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

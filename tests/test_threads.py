from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from napari_fcn_crf.threads import (
    _cgroup_quota,
    available_threads,
    in_threads,
    limit_threads,
    one_blas_thread,
)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [1, 3, 100])
def test_ranges_make_up_the_whole_in_order(length: int, threads: int) -> None:
    def work(begin: int, end: int, factor: int) -> list[int]:
        return [factor * k for k in range(begin, end)]

    found = in_threads(work, (3,), length, threads)
    assert list(itertools.chain(*found)) == [3 * k for k in range(length)]


def test_ranges_are_as_long_as_asked() -> None:
    found = in_threads(lambda begin, end: end - begin, (), 100, 4, 30)
    assert len(found) == 3
    assert min(found) >= 30


def test_two_work_at_a_time() -> None:
    both = threading.Barrier(2, timeout=240)
    in_threads(lambda begin, end: both.wait() if begin in (0, end - 1) else None, (), 2, 2)


def test_an_error_reaches_the_caller() -> None:
    def work(begin: int, end: int) -> None:
        if begin:
            raise MemoryError("no room for the lattice")

    with pytest.raises(MemoryError, match="no room"):
        in_threads(work, (), 8, 2)


def test_it_still_works_while_python_is_ending() -> None:
    code = """
import atexit
from napari_fcn_crf.threads import in_threads
atexit.register(lambda: print(in_threads(lambda begin, end: end - begin, (), 2, 2)))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout.strip(), ended.stderr) == ("[1, 1]", "")


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("max 100000", 7), ("50000 100000", 1)]
)
def test_a_containers_quota_counts(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert _cgroup_quota(tmp_path, 7) == expected
    old = tmp_path / "cpu"
    old.mkdir()
    (tmp_path / "cpu.max").unlink()
    assert _cgroup_quota(tmp_path, 7) == 7
    amount, period = quota.replace("max", "-1").split()
    (old / "cpu.cfs_quota_us").write_text(amount)
    (old / "cpu.cfs_period_us").write_text(period)
    assert _cgroup_quota(tmp_path, 7) == expected


def test_there_are_as_many_threads_as_allowed() -> None:
    everything = available_threads()
    try:
        limit_threads(1)
        assert available_threads() == 1
        limit_threads(10_000)
        assert available_threads() == everything
    finally:
        limit_threads(0)
    assert available_threads() == everything >= 1


def test_products_are_of_one_thread_for_a_while() -> None:
    def threads() -> list[int]:
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    with one_blas_thread():
        assert set(threads()) == {1}
    before = threads()
    with one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before

"""Shared arrays hold what was put in, and are freed on every path."""

import os
import shutil

import numpy as np
import pytest

from napari_fcn_crf.compute import shared
from napari_fcn_crf.compute.shared import SharedArrays, attached, create_block
from napari_fcn_crf.progress import Cancelled
from tests.compute.conftest import SHARED_MEMORY, shared_blocks


@pytest.mark.parametrize("chunk_bytes", [2**26, 60])
def test_arrays_are_the_same_seen_from_the_other_side(
    monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(shared, "_CHUNK_BYTES", chunk_bytes)
    given = [
        np.arange(60, dtype=">i2").reshape(3, 4, 5).transpose(2, 0, 1),
        np.zeros((0, 5), bool),
        np.array([[True, False, True]]),
        np.random.default_rng(0).random((5, 7)),
    ]
    with SharedArrays() as arrays:
        packed = arrays.share(given)
        assert len(shared_blocks(os.getpid())) == 1
        with attached(packed) as views:
            for array, view in zip(given, views, strict=True):
                np.testing.assert_array_equal(view, array)
                assert view.dtype == array.dtype
                assert view.flags.aligned
                assert not view.flags.writeable
            del view
    assert shared_blocks(os.getpid()) == []


@pytest.mark.parametrize(
    ("given", "last"),
    [
        # While memory is got for it, and while that is filled.
        ([np.zeros((100, 100))], 3),
        ([np.zeros((100, 100))], 90),
        ([np.zeros((2, 9))] * 600, 400),
    ],
)
def test_a_long_copy_can_be_cancelled_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, given: list[np.ndarray], last: int
) -> None:
    monkeypatch.setattr(shared, "_CHUNK_BYTES", 1000)
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == last:
            raise Cancelled

    with pytest.raises(Cancelled), SharedArrays(check) as arrays:
        arrays.share(given)
    assert len(calls) == last
    assert shared_blocks(os.getpid()) == []


def test_a_block_of_the_child_is_taken_and_freed() -> None:
    array = np.random.default_rng(0).random((2, 5, 7), dtype=np.float32)
    with SharedArrays() as arrays:
        name = arrays.reserve()
        block = create_block(array.nbytes, name)
        np.ndarray(array.shape, array.dtype, block.buf)[...] = array
        block.close()
        np.testing.assert_array_equal(arrays.take(name, "<f4", [2, 5, 7]), array)
    assert shared_blocks(os.getpid()) == []


def test_a_reserved_block_that_nobody_made_is_no_error() -> None:
    with SharedArrays() as arrays:
        arrays.reserve()


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no shared memory that can be full")
def test_too_little_shared_memory_is_told_before_anything_is_written() -> None:
    """Writing to a block that does not fit kills the process with a bus error."""
    too_much = shutil.disk_usage(SHARED_MEMORY).free + 2**30
    with pytest.raises(MemoryError, match=r"needs [\d,]+ MB of shared memory"):
        create_block(too_much, f"nfc_{os.getpid()}_large")
    assert shared_blocks(os.getpid()) == []

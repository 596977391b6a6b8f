"""How the compute process tells what went wrong."""

import errno
from types import SimpleNamespace

import numpy as np
import pytest

from napari_fcn_crf.compute.child import tasks
from napari_fcn_crf.compute.errors import ComputeError
from napari_fcn_crf.compute.parent.child import _unwrap
from napari_fcn_crf.compute.shared import SharedMemoryFullError
from napari_fcn_crf.input_error import InputError, InputTypeError


def told(error: Exception) -> Exception:
    """Return what the parent raises when a task raises an error."""
    kind, message = tasks._describe(error)
    with pytest.raises((InputError, ComputeError)) as raised:
        _unwrap({"kind": kind, "message": message, "details": ""})
    return raised.value


@pytest.mark.parametrize("kind", [InputError, InputTypeError])
def test_what_was_given_wrongly_is_told_as_it_was_said(kind: type[Exception]) -> None:
    error = told(kind("The labels are empty."))
    assert type(error) is kind
    assert str(error) == "The labels are empty."


def test_a_fault_of_the_program_is_no_fault_of_the_input() -> None:
    with pytest.raises(ValueError, match="cannot reshape") as raised:
        np.zeros(3).reshape(2, 2)
    for error in (raised.value, TypeError("no such argument"), KeyError("x")):
        answer = told(error)
        assert type(answer) is ComputeError
        assert "could not finish" in str(answer)
        assert type(error).__name__ in str(answer)


def test_what_is_full_is_named() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/data/model.keras")
    assert "disk is full: /data/model.keras" in str(told(full))
    assert "smaller tiles" in str(told(MemoryError()))
    assert str(told(SharedMemoryFullError("/dev/shm has 3 MB free."))) == "/dev/shm has 3 MB free."


def test_whatever_a_backend_says_of_too_little_memory_is_one_sentence() -> None:
    aborted = type("AbortedError", (Exception,), {})
    for error in (
        aborted("Operation received an exception:Status: 2, message: could not create a memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
    ):
        answer = str(told(error))
        assert "too little memory. Close other programs" in answer
        assert type(error).__name__ not in answer
    assert "memory" not in str(told(aborted("Operation was aborted")))


def test_a_device_is_timed_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that stands at 10, 100, 1000 s when it is looked at."""
    looks = []

    def clock() -> float:
        looks.append(1)
        return 10.0 ** len(looks)

    told = []
    task = SimpleNamespace(cancel_requested=False, update=lambda info: told.append(info))
    monkeypatch.setattr(tasks, "_TEST_SHAPE", (64, 96))
    monkeypatch.setattr(tasks, "time", SimpleNamespace(perf_counter=clock))
    answer = tasks.test_device(task)
    assert [info["current"] for info in told if "loss" in info] == [1, 2]
    last = len(looks)
    assert last == len(told)
    assert answer["step_seconds"] == 10.0**last - 10.0 ** (last - 1)
    assert answer["first_step_seconds"] == 10.0 ** (last - 1) - 10.0 ** (last - 2)

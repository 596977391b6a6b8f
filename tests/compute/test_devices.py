"""The devices that are listed."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from napari_fcn_crf.compute import devices
from napari_fcn_crf.compute.devices import list_devices, missing_backends
from napari_fcn_crf.compute.errors import ComputeError
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import DEVICES, ComputeSettings
from tests.compute.conftest import FAKE_NVIDIA


def test_the_processor_comes_first_with_its_threads_and_free_memory() -> None:
    first, *gpus = list_devices(ComputeSettings())
    assert first.name == "cpu"
    assert first.label.startswith("CPU, ")
    assert "thread" in first.label
    assert 0 < first.free_bytes <= psutil.virtual_memory().total
    assert {gpu.name for gpu in gpus} <= set(DEVICES)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_of_the_threads_those_that_may_be_used_are_counted() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert list_devices(ComputeSettings())[0].label == "CPU, 1 thread"
        if len(allowed) > 1:
            os.sched_setaffinity(0, sorted(allowed)[:2])
            assert list_devices(ComputeSettings())[0].label == "CPU, 2 threads"
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.fixture
def seeming_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's tool on the path, so that the backend is asked."""
    if sys.platform == "win32" or shutil.which("nvidia-smi"):
        pytest.skip("stands for a driver's tool on a machine that has none")
    program = tmp_path / "nvidia-smi"
    program.write_text(FAKE_NVIDIA)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.mark.usefixtures("seeming_gpus")
def test_a_driver_is_not_believed_the_backend_is() -> None:
    assert [device.name for device in list_devices(ComputeSettings())] == ["cpu"]


@pytest.mark.usefixtures("seeming_gpus")
@pytest.mark.parametrize(
    ("visible", "expected_mib"),
    [(None, [81000, 500]), ("1,0", [500, 81000]), ("GPU-bbb", [500]), ("-1", [])],
)
def test_free_memory_is_of_the_visible_gpus_in_their_order(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, expected_mib: list[int]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices._nvidia_free_bytes() == [mib * 2**20 for mib in expected_mib]


@pytest.mark.usefixtures("seeming_gpus")
def test_asking_the_backend_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        list_devices(ComputeSettings(), should_stop=lambda: True)
    assert not [child for child in psutil.Process().children() if "devices" in child.cmdline()]


@pytest.mark.usefixtures("seeming_gpus")
def test_a_backend_that_is_not_installed_is_an_error_with_its_log() -> None:
    if importlib.util.find_spec("jax"):
        pytest.skip("jax is installed here")
    with pytest.raises(ComputeError, match="could not name its devices") as raised:
        list_devices(ComputeSettings(backend="jax"))
    assert "No module named 'jax'" in raised.value.details


@pytest.mark.parametrize("interpreter", ["", sys.executable])
def test_missing_backends_are_named_with_the_remedy(interpreter: str) -> None:
    missing = missing_backends(ComputeSettings(interpreter=interpreter))
    installed = {name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)}
    assert set(missing) == {"tensorflow", "torch", "jax"} - installed
    assert all(f"pip install {name}" in reason for name, reason in missing.items())


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a shebang")
def test_an_interpreter_that_is_none_is_told(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match="cannot be asked which packages it has"):
        missing_backends(ComputeSettings(interpreter=str(program)))

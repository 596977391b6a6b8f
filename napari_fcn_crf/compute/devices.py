"""Devices that can compute, found without importing Keras in the process that asks."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_fcn_crf.compute.environment import (
    BACKEND_TITLES,
    NO_WINDOW,
    child_command,
    compute_environment,
    find_interpreter,
)
from napari_fcn_crf.compute.errors import ComputeError
from napari_fcn_crf.progress import Cancelled, ShouldStop
from napari_fcn_crf.settings import Backend, ComputeSettings

_PROBE_LIMIT_S = 120
_MARK = "napari-fcn-crf devices: "


@dataclass(frozen=True)
class Device:
    """Something that can compute.

    Parameters
    ----------
    name : str
        As in `ComputeSettings.device`: "cpu", "gpu:0".
    label : str
        As people know it: "CPU, 2 threads", "NVIDIA H200, 139 GiB free".
    free_bytes : int, optional
        Memory that is free now; None if it cannot be told.
    """

    name: str
    label: str
    free_bytes: int | None


@dataclass(frozen=True)
class DeviceTest:
    """How a short training went on a device.

    Parameters
    ----------
    label : str
        The device, as people know it.
    first_step_seconds : float
        Of the first step, in which the network is compiled.
    step_seconds : float
        Of the second, as all that follow.
    """

    label: str
    first_step_seconds: float
    step_seconds: float


def list_devices(
    settings: ComputeSettings, should_stop: ShouldStop = lambda: False
) -> list[Device]:
    """Return the CPU and the GPUs that the backend can use.

    Only where there may be a GPU, the backend is asked, in a process of its own (5 to 10 s).

    Raises
    ------
    Cancelled
        If `should_stop` returns True before the backend has answered.
    ValueError
        If the interpreter in the settings does not exist.
    ComputeError
        If the backend does not answer.
    """
    find_interpreter(settings)
    gpus = _ask_backend(settings, should_stop) if _may_have_gpu() else []
    memory = _nvidia_free_bytes()
    if len(memory) != len(gpus):
        memory = [None] * len(gpus)
    return [_cpu(), *map(_gpu, range(len(gpus)), gpus, memory)]


def missing_backends(settings: ComputeSettings) -> dict[Backend, str]:
    """Return the backends that the compute process cannot use, each with the reason.

    Nothing is imported for it: only whether the packages are there is looked up.

    Raises
    ------
    ValueError
        If the interpreter in the settings does not exist, or is no Python.
    """
    interpreter = find_interpreter(settings)
    if settings.interpreter:
        found = _ask_interpreter(interpreter)
    else:
        found = [name for name in BACKEND_TITLES if importlib.util.find_spec(name) is not None]
    return {
        name: f"{title} is not installed. To use it: {interpreter} -m pip install {name}"
        for name, title in BACKEND_TITLES.items()
        if name not in found
    }


def device_in_use() -> str:
    """Return what this process computes on; for the child, as it imports the backend."""
    from napari_fcn_crf.fcn.devices.gpus import gpu_names

    gpus = gpu_names()
    return gpus[0] if gpus else _cpu().label


def main() -> None:
    """Print the GPUs that the backend sees, for `list_devices` to read."""
    from napari_fcn_crf.fcn.devices.gpus import gpu_names

    print(_MARK + json.dumps(gpu_names()), flush=True)


def _cpu() -> Device:
    threads = _cpu_threads()
    label = f"CPU, {threads} thread{'s' if threads != 1 else ''}"
    return Device("cpu", label, int(psutil.virtual_memory().available))


def _gpu(index: int, name: str, free_bytes: int | None) -> Device:
    free = "" if free_bytes is None else f", {free_bytes / 2**30:.0f} GiB free"
    return Device(f"gpu:{index}", f"{name}{free}", free_bytes)


def _cpu_threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _may_have_gpu() -> bool:
    """Return whether a GPU's driver is in sight: NVIDIA's, AMD's ROCm, or a Mac's Metal."""
    return bool(sys.platform == "darwin" or shutil.which("nvidia-smi") or Path("/dev/kfd").exists())


def _ask_backend(settings: ComputeSettings, should_stop: ShouldStop) -> list[str]:
    everything = ComputeSettings(backend=settings.backend, interpreter=settings.interpreter)
    variables = os.environ | compute_environment(everything)
    process = subprocess.Popen(
        child_command(everything, "devices"),
        env={name: value for name, value in variables.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        creationflags=NO_WINDOW,
    )
    try:
        output, log = _outcome(process, should_stop)
    finally:
        process.kill()  # harmless if it has ended
        process.communicate()
    for line in output.splitlines():
        if line.startswith(_MARK):
            names: list[str] = json.loads(line.removeprefix(_MARK))
            return names
    raise ComputeError(
        f"The {settings.backend} backend could not name its devices. Look into the log.", log
    )


def _outcome(process: subprocess.Popen[str], should_stop: ShouldStop) -> tuple[str, str]:
    """Return what the process prints until it ends."""
    deadline = time.monotonic() + _PROBE_LIMIT_S
    while True:
        try:
            return process.communicate(timeout=0.1)
        except subprocess.TimeoutExpired:
            if should_stop():
                raise Cancelled from None
            if time.monotonic() > deadline:
                raise ComputeError(
                    f"The backend did not name its devices within {_PROBE_LIMIT_S} s. Choose "
                    "'cpu' in the settings."
                ) from None


def _ask_interpreter(interpreter: str) -> list[str]:
    query = f"""
import importlib.util
print(*[name for name in {tuple(BACKEND_TITLES)} if importlib.util.find_spec(name) is not None])
"""
    try:
        answer = subprocess.run(
            [interpreter, "-I", "-c", query],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            creationflags=NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(
            f"The compute process needs a Python interpreter, but {interpreter} cannot be asked "
            "which packages it has. Choose another in the settings."
        ) from error
    return answer.stdout.split()


def _nvidia_free_bytes() -> list[int | None]:
    """Return the free memory of the visible NVIDIA GPUs, in their order."""
    query = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=10, check=True, creationflags=NO_WINDOW
        )
    except (OSError, subprocess.SubprocessError):
        return []
    free: dict[str, int | None] = {}
    order = []
    for line in answer.stdout.splitlines():
        index, uuid, mebibytes = (field.strip() for field in line.split(","))
        amount = int(mebibytes) * 2**20 if mebibytes.isdigit() else None
        free[index] = free[uuid] = amount
        order.append(index)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = order if visible is None else [name.strip() for name in visible.split(",")]
    return [free[name] for name in chosen if name in free]

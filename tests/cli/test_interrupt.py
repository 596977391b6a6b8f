"""Ctrl-C ends every command with one line and exit code 130, wherever it comes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from napari_fcn_crf.data import image_files
from tests.compute.conftest import FAKE_NVIDIA

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Ctrl-C is another thing on Windows"
)

STOPPED = (130, "", "napari-fcn-crf: stopped.\n")

LOST = """
interrupt._GRACE_S = 0.3
said = False
with interruptible():
    while True:
        try:
            if not said:
                said = True
                print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
# As callbacks from C do; what comes after it goes on.
FORGOTTEN = """
try:
    with interruptible():
        try:
            print("ready", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
except KeyboardInterrupt:
    say_stopped()
    sys.exit(STOPPED)
"""
IMPORTING = """
leave_on_interrupt()
print("ready", flush=True)
time.sleep(60)
"""


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a process; return its exit code and what it printed."""
    out, error = process.communicate(timeout=240)
    return process.returncode, out, error


@pytest.mark.parametrize("program", [LOST, FORGOTTEN, IMPORTING])
def test_an_interrupt_is_never_lost(program: str) -> None:
    start = "import sys, time\nfrom napari_fcn_crf.cli import interrupt\n"
    start += "from napari_fcn_crf.cli.interrupt import *\n"
    process = subprocess.Popen(
        [sys.executable, "-c", start + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert ended(process) == STOPPED


@pytest.fixture
def endless(tmp_path: Path, tiny_image: np.ndarray) -> dict[str, list[str]]:
    """Commands that take longer than anyone waits."""
    tifffile.imwrite(tmp_path / "cat.tif", np.tile(tiny_image, (4, 4, 1)))
    given = np.full((2, 240, 280), 0.5, np.float32)
    image_files.write_probabilities(tmp_path / "given.tif", given, (3, 7))
    tool = tmp_path / "nvidia-smi"
    tool.write_text(FAKE_NVIDIA)
    tool.chmod(0o755)
    os.mkfifo(tmp_path / "keras.json")
    return {
        "refine": ["refine", "cat.tif", "given.tif", "-o", "out", "--iterations", "100000"],
        # It has a driver's tool at hand, and so it asks the backend, which here never loads.
        "devices": ["devices"],
    }


@pytest.mark.parametrize("command", ["refine", "devices"])
def test_commands_end(endless: dict[str, list[str]], command: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_fcn_crf", *endless[command]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ
        | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "KERAS_HOME": str(tmp_path)},
        start_new_session=True,
    )
    running = psutil.Process(process.pid)
    probes: list[psutil.Process] = []
    # In the midst of it: the iterations, or the other process's import of the backend.
    while process.poll() is None and not probes:
        time.sleep(0.05)
        if command == "devices":
            probes = running.children()
        elif running.cpu_times().user > 3:
            break
    # A terminal sends it to all that were started from it.
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process) == STOPPED
    assert not [probe for probe in probes if probe.is_running()]

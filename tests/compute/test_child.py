"""The compute process itself: its channel, its interpreter, and what it says about failures."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fcn_crf.compute.environment import child_command, compute_environment
from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.compute.parent.service import ComputeError, ComputeService
from napari_fcn_crf.settings import ComputeSettings
from tests.compute.conftest import CPU, SHORT


def in_job(work: Callable[[Job], Any]) -> Any:
    """Run something that needs a job to report to."""
    return Job("testing", work).start().result()


def python_with(packages: str, folder: Path) -> Path:
    """Make an environment whose interpreter sees the packages of a folder, and no others."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = folder / scripts / Path(sys.executable).name
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder)})
    (Path(purelib) / "packages.pth").write_text(packages)
    return python


def test_chatter_does_not_reach_the_channel(warm_service: ComputeService) -> None:
    """Libraries print, from Python and from C; the channel must carry the answers alone."""
    child = in_job(lambda job: warm_service._running.child_for(CPU, job))
    in_job(child.prepare)
    task = child._service.task(
        "import os, sys\n"
        'print(\'{"responseType":"FAILURE"}\')\n'
        "sys.stdout.write('a bar')\n"
        "sys.stdout.flush()\n"
        "os.write(1, b'from C\\n')\n"
        "task.outputs['stdin'] = os.read(0, 10).decode()"
    )
    task.wait_for()
    assert task.outputs == {"stdin": ""}
    assert child._service.invalid_lines() == []
    in_job(lambda job: child.call(job, "hello", {"device": "cpu"}))
    assert "from C" in child.log()
    assert "a bar" in child.log()


def test_what_draws_and_takes_tables_is_not_loaded(warm_service: ComputeService) -> None:
    child = in_job(lambda job: warm_service._running.child_for(CPU, job))
    in_job(child.prepare)
    task = child._service.task(
        "import sys\n"
        "unused = {'IPython', 'matplotlib', 'pandas'}\n"
        "task.outputs['loaded'] = sorted(unused & set(sys.modules))\n"
        "import matplotlib\n"
        "task.outputs['later'] = matplotlib.__name__"
    )
    task.wait_for()
    assert task.outputs == {"loaded": [], "later": "matplotlib"}


@pytest.mark.long
def test_another_interpreter_may_compute(
    tmp_path: Path, image: np.ndarray, labels: np.ndarray
) -> None:
    python = python_with(sysconfig.get_path("purelib"), tmp_path / "other")
    service = ComputeService()
    service.configure(ComputeSettings(device="cpu", interpreter=str(python)))
    try:
        card = service.train([image], [labels], SHORT, tmp_path / "model.keras").result()
    finally:
        service.close()
    assert len(card.losses) == SHORT.settings.iterations


def test_a_package_that_the_interpreter_lacks_is_named(tmp_path: Path) -> None:
    python = python_with("", tmp_path / "empty")
    service = ComputeService()
    service.configure(ComputeSettings(interpreter=str(python)))
    with pytest.raises(
        ValueError, match=r"needs the package '\w+', but .*empty.* does not have it"
    ):
        service.describe_weights(tmp_path / "weights.h5").result()


@pytest.mark.parametrize("interpreter", ["no-such-python", "/no/such/python", "~/no/such/python"])
def test_an_interpreter_that_does_not_exist_is_named(tmp_path: Path, interpreter: str) -> None:
    service = ComputeService()
    service.configure(ComputeSettings(interpreter=interpreter))
    with pytest.raises(ValueError, match=f"there is no program {interpreter}"):
        service.describe_weights(tmp_path / "weights.h5").result()


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a shebang")
def test_a_program_that_is_no_python_is_told(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho this is no python >&2\nexit 1\n")
    program.chmod(0o755)
    service = ComputeService()
    service.configure(ComputeSettings(interpreter=str(program)))
    with pytest.raises(ValueError, match=r"could not be started with .*: this is no python"):
        service.describe_weights(tmp_path / "weights.h5").result()


def test_a_gpu_that_is_not_there_is_told(warm_service: ComputeService) -> None:
    child = in_job(lambda job: warm_service._running.child_for(CPU, job))
    in_job(child.prepare)
    answer = in_job(lambda job: child.call(job, "hello", {"device": "gpu:7"}))
    assert "'gpu:7' was chosen, but TensorFlow finds no such GPU" in answer["problem"]


@pytest.mark.long
def test_a_process_without_its_gpu_is_ended(tmp_path: Path) -> None:
    service = ComputeService()
    service.configure(ComputeSettings(device="gpu:7"))
    with pytest.raises(ValueError, match="'gpu:7' was chosen, but TensorFlow finds no such GPU"):
        service.describe_weights(tmp_path / "weights.h5").result()
    assert service.pid is None


def test_an_error_that_is_not_the_users_keeps_its_traceback(
    warm_service: ComputeService, tmp_path: Path
) -> None:
    def describe(name: object) -> object:
        return in_job(lambda job: warm_service._call(job, "describe_weights", {"name": name}))

    with pytest.raises(TypeError):
        describe(tmp_path / "weights.h5")  # no JSON: it does not even leave this process
    with pytest.raises(ComputeError, match="could not finish") as raised:
        describe("x")
    assert "Traceback" in raised.value.details


def test_the_environment_chooses_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    auto = compute_environment(ComputeSettings())
    assert "TF_NUM_INTRAOP_THREADS" not in auto
    assert compute_environment(ComputeSettings(threads=3))["TF_NUM_INTRAOP_THREADS"] == "3"
    assert auto["KERAS_BACKEND"] == "tensorflow"
    assert "CUDA_VISIBLE_DEVICES" not in auto
    on_cpu = compute_environment(CPU)
    assert (on_cpu["CUDA_VISIBLE_DEVICES"], on_cpu["KERAS_TORCH_DEVICE"]) == ("-1", "cpu")
    assert "KERAS_TORCH_DEVICE" not in auto
    assert compute_environment(ComputeSettings(device="gpu:2"))["CUDA_VISIBLE_DEVICES"] == "2"
    # On a cluster, the scheduler says which GPUs are ours.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-abc")
    assert compute_environment(ComputeSettings(device="gpu:1"))["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    assert compute_environment(ComputeSettings(device="gpu:2"))["CUDA_VISIBLE_DEVICES"] == "-1"


def test_only_this_package_is_lent_to_another_interpreter(tmp_path: Path) -> None:
    """Its neighbours are built for the interpreter that they are installed for."""
    (tmp_path / "os.py").write_text("raise SystemExit('the working folder is on the path')")
    settings = ComputeSettings(interpreter=sys.executable)
    command = child_command(settings, "environment")
    command[2] = command[2].rpartition("importlib.import_module")[0] + "print(*sys.path, sep='\\n')"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for name, value in compute_environment(settings).items():
        environment.pop(name, None) if value is None else environment.update({name: value})
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert str(tmp_path) not in run.stdout.splitlines()

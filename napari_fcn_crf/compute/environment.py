"""Environment variables and interpreter of the process that computes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import napari_fcn_crf
from napari_fcn_crf.settings import Backend, ComputeSettings

BACKEND_TITLES: dict[Backend, str] = {
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "jax": "JAX",
}


NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Flag of a new process that keeps Windows from opening a console for it."""

# Only this package is taken from the parent's environment: its whole site-packages on the path of
# another interpreter would hide the packages built for that one.
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])
import importlib, importlib.util, os
sys.path[:] = [folder for folder in sys.path if folder]
init, module = sys.argv[1:3]
spec = importlib.util.spec_from_file_location(
    "napari_fcn_crf", init, submodule_search_locations=[os.path.dirname(init)]
)
package = importlib.util.module_from_spec(spec)
sys.modules["napari_fcn_crf"] = package
spec.loader.exec_module(package)
importlib.import_module("napari_fcn_crf.compute." + module).main(*sys.argv[3:])
"""


def child_command(settings: ComputeSettings, module: str, *arguments: str) -> list[str]:
    """Return the command that runs `main(*arguments)` of a module of `compute` in the child.

    Raises
    ------
    ValueError
        If the interpreter does not exist.
    """
    package = str(napari_fcn_crf.__file__)
    return [find_interpreter(settings), "-c", _BOOTSTRAP, package, module, *arguments]


def compute_environment(settings: ComputeSettings) -> dict[str, str | None]:
    """Return the variables that make Keras compute as the settings say; None unsets one.

    They act only if they are set before Keras is imported.
    """
    variables: dict[str, str | None] = {
        "KERAS_BACKEND": settings.backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true" if settings.memory_growth else "false",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false" if settings.memory_growth else "true",
        # The order in which nvidia-smi counts, and so the one that people know.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # A few operations are missing on Apple's GPUs; they then run on the CPU.
        "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    }
    if settings.threads:
        # TensorFlow's own, and those of the libraries that PyTorch and the others compute with.
        count = str(settings.threads)
        variables |= {
            "TF_NUM_INTRAOP_THREADS": count,
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
        }
    if settings.device == "cpu":
        # Keras on PyTorch would take an Apple GPU, which no other variable hides.
        variables |= {
            "CUDA_VISIBLE_DEVICES": "-1",
            "JAX_PLATFORMS": "cpu",
            "KERAS_TORCH_DEVICE": "cpu",
        }
    elif settings.device.startswith("gpu:"):
        variables["CUDA_VISIBLE_DEVICES"] = _visible_gpu(int(settings.device.removeprefix("gpu:")))
    if settings.interpreter:
        # They belong to the interpreter that napari runs in.
        variables |= {"PYTHONHOME": None, "PYTHONPATH": None}
    return variables


def apply_environment(settings: ComputeSettings) -> None:
    """Set the variables of `compute_environment` in this process, before it imports Keras."""
    for name, value in compute_environment(settings).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def find_interpreter(settings: ComputeSettings) -> str:
    """Return the path of the Python that runs the compute process.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    if not settings.interpreter:
        return _with_console(sys.executable)
    found = shutil.which(Path(settings.interpreter).expanduser())
    if found is None:
        raise ValueError(
            "The compute process needs a Python interpreter, but there is no program "
            f"{settings.interpreter}. Choose another in the settings, or leave the field empty to "
            "use napari's own."
        )
    return _with_console(found)


def _visible_gpu(index: int) -> str:
    """Return the GPU's number or id among those that the user's environment allows."""
    allowed = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if not allowed:
        return str(index)
    return allowed[index] if index < len(allowed) else "-1"


def _with_console(interpreter: str) -> str:
    """Return python.exe for pythonw.exe, which has no standard streams to talk through."""
    path = Path(interpreter)
    console = path.with_name("python.exe")
    return str(console) if path.name.lower() == "pythonw.exe" and console.exists() else interpreter

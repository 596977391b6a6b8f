"""Backend of Keras: it is loaded, or what is in the way is said."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from napari_fcn_crf.compute.environment import BACKEND_TITLES, apply_environment
from napari_fcn_crf.settings import ComputeSettings

_UNUSED = ("IPython", "matplotlib", "pandas")
"""What Keras imports where it is installed, to draw and to take tables, and nothing here needs.

It is a quarter of the time that Keras and TensorFlow take to load, and 60 MB.
"""


def load() -> str:
    """Import Keras with the backend that the environment names, and wake its devices.

    Returns
    -------
    str
        Empty, or a sentence on what is missing and what to do.
    """
    name = os.environ["KERAS_BACKEND"]
    title = BACKEND_TITLES[name]  # type: ignore[index]
    try:
        with _hidden(_UNUSED):
            keras = importlib.import_module("keras")
        # What every job needs, so that it need not wait for the imports.
        importlib.import_module("napari_fcn_crf.fcn.model_file.keras_file")
        importlib.import_module("napari_fcn_crf.fcn.training.fit")
        importlib.import_module("napari_fcn_crf.pipeline.training")
        keras.ops.zeros(())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        return (
            f"Computing with {title} needs the package {package!r}, but {sys.executable} does not "
            f"have it. Install it there (python -m pip install {package}), or choose another "
            "backend or interpreter in the settings."
        )
    except Exception as error:  # noqa: BLE001 - a driver's or a DLL's failure has any type
        traceback.print_exc()
        return (
            f"{title} could not be loaded ({first_line(error)}). Install it anew, or choose "
            "another backend or interpreter in the settings."
        )
    return ""


def load_here(settings: ComputeSettings) -> None:
    """Load the backend in this process, without what it tells the terminal; not for napari's.

    Raises
    ------
    ValueError
        If it cannot be loaded; the message says what is missing.
    """
    apply_environment(settings)
    # Images of several sizes make TensorFlow advise its programmers.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _silent():
        problem = load()
    if problem:
        raise ValueError(problem)


def first_line(error: Exception) -> str:
    """Return an error's type and the beginning of its message."""
    text = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Let packages that are not imported yet seem not to be installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep this process's standard error to itself.

    Backends write to the descriptor from C++ before any setting of theirs could stop them.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)

"""What tests share: one tiny image with its annotation, and where the measurement data is."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from napari_fcn_crf.compute.parent import child

# A run that a shell put into the background ignores Ctrl-C, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST = (
    "batch/test_kills.py",
    "batch/test_in_service.py",
    "batch/test_cluster.py",
    "compute",
    "fcn/test_resume.py",
    "fcn/test_patches.py",
    "fcn/test_memory.py",
    "pipeline/test_lazy_training.py",
    "docs/test_messages.py",
    "test_packaging.py",
    "cli",
    "demo",
    "ui/test_event_loop.py",
    "ui/test_interruptions.py",
    "ui/test_screen.py",
    "ui/test_live.py",
    "ui/test_workflow.py",
)
"""Tests that start processes or go through a whole workflow, of up to twenty seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let them come first: what is left at the end is short, and two workers end together."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(here).as_posix() if here in item.path.parents else ""
        return next((at for at, long in enumerate(LONGEST) if name.startswith(long)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was loaded stays: no search for what is free need look at TensorFlow's objects again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _coverage_of_compute_processes() -> Iterator[None]:
    """Where coverage is measured, they get the time to save it before they are killed."""
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        yield
        return
    kill = child._Service.end

    def end(service: Any) -> None:
        service._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            service._process.wait(0.25)
        kill(service)

    with pytest.MonkeyPatch.context() as context:
        context.setattr(child._Service, "end", end)
        yield


@pytest.fixture(scope="session")
def tiny_image() -> npt.NDArray[np.uint8]:
    """The face of scikit-image's chelsea at a quarter of its size: 60 x 70 RGB pixels."""
    image = data.chelsea()[20:260:4, 80:360:4].copy()
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def tiny_labels() -> npt.NDArray[np.int32]:
    """Scribbles on `tiny_image`: 7 on the cat, 3 beside it, 0 elsewhere."""
    labels = np.zeros((60, 70), np.int32)
    labels[20:45, 20:45] = 7
    labels[2:10, 5:15] = 3
    labels.flags.writeable = False
    return labels


@pytest.fixture(scope="session")
def measurement_data() -> Path:
    """Folder with the data for measuring, or skip."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NAPARI_FCN_CRF_DATA", default))
    if not folder.is_dir():
        pytest.skip("the measurement data is not here; set NAPARI_FCN_CRF_DATA to its folder")
    return folder

"""Starting the compute process before there is work for it."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.settings import ComputeSettings
from tests.compute.conftest import PATIENCE_S, SOLVED


def children() -> set[int]:
    """Return this process's children, without the one that frees shared memory."""
    found = set()
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # one that has ended says no more what it was
            if "resource_tracker" not in " ".join(one.cmdline()):
                found.add(one.pid)
    return found


def test_work_that_comes_while_the_process_is_prepared_waits_for_it(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    before = children()
    service.prepare()
    service.prepare()
    job = service.train([image], [labels], SOLVED, tmp_path / "model.keras")
    assert [step for step in job.events() if step.phase.startswith("Starting")]
    assert job.result().class_values == (1, 7)
    pid = service.pid
    # What comes later finds it there.
    service.prepare()
    job = service.train([image], [labels], SOLVED, tmp_path / "model.keras")
    assert not [step for step in job.events() if step.phase.startswith("Starting")]
    assert job.result().class_values == (1, 7)
    assert service.pid == pid
    assert len(children() - before) == 1


def test_closing_while_it_is_prepared_leaves_no_process(service: ComputeService) -> None:
    before = children()
    service.prepare()
    service.close()
    # The thread that could still start one has ended.
    preparing = service._running.preparing
    preparing.join(PATIENCE_S)
    assert preparing.done
    left = [psutil.Process(pid) for pid in children() - before]
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []
    assert service.pid is None


def test_what_is_in_the_way_is_told_by_the_work(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    service.configure(ComputeSettings(interpreter="/no/such/python"))
    service.prepare()
    with pytest.raises(ValueError, match="there is no program /no/such/python"):
        service.train([image], [labels], SOLVED, tmp_path / "model.keras").result()

"""Starting the compute process before there is work for it."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.settings import ComputeSettings
from tests.compute.conftest import PATIENCE_S, SHORT, wait_until


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_a_prepared_process_does_the_work(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    service.prepare()
    service.prepare()
    wait_until(lambda: service.is_warm)
    pid = service.pid
    job = service.train([image], [labels], SHORT, tmp_path / "model.keras")
    assert not [step for step in job.events() if step.phase.startswith("Starting")]
    assert len(job.result().losses) == 3
    assert service.pid == pid


def test_work_that_comes_while_the_process_is_prepared_waits_for_it(
    service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    before = children()
    service.prepare()
    job = service.train([image], [labels], SHORT, tmp_path / "model.keras")
    assert [step for step in job.events() if step.phase.startswith("Starting")]
    assert len(job.result().losses) == 3
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
        service.train([image], [labels], SHORT, tmp_path / "model.keras").result()

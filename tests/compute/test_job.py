"""A job's events, result and end, whoever asks and whenever."""

import threading

import pytest

from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.progress import Cancelled, Progress


def count(job: Job[str]) -> str:
    for step in range(3):
        job.report(Progress("Counting", step))
    return "done"


def wait_for_cancel(job: Job[str]) -> str:
    if job.cancel_requested.wait(240):
        raise Cancelled
    return "nobody cancelled"


def test_events_come_in_order_and_end_with_the_job() -> None:
    job = Job("counting", count).start()
    assert [progress.current for progress in job.events()] == [0, 1, 2]
    assert job.result() == "done"
    assert list(job.events()) == []


def test_the_result_can_be_had_without_the_events() -> None:
    assert Job("counting", count).start().result(240) == "done"


def test_cancel_ends_the_events_of_whoever_waits() -> None:
    job = Job("waiting", wait_for_cancel).start()
    threading.Timer(0.05, job.cancel).start()
    assert list(job.events()) == []
    with pytest.raises(Cancelled):
        job.result()


def test_what_the_work_raises_is_raised_to_the_one_who_asks() -> None:
    def fail(job: Job[str]) -> str:
        raise ValueError("The labels are empty.")

    job = Job("failing", fail).start()
    assert list(job.events()) == []
    with pytest.raises(ValueError, match="The labels are empty"):
        job.result()


def test_starting_returns_at_once() -> None:
    job = Job("waiting", wait_for_cancel)
    job.start()
    assert not job.done
    job.cancel()
    job.join(240)
    assert job.done

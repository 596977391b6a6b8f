from __future__ import annotations

import threading

import pytest

from napari_fcn_crf.batch.interruptible import interruptible
from napari_fcn_crf.progress import Cancelled


def test_what_cannot_be_stopped_is_left_alone() -> None:
    never, asked = threading.Event(), threading.Event()

    def endless() -> None:
        asked.set()
        never.wait()

    try:
        with pytest.raises(Cancelled):
            interruptible(endless, asked.is_set)
    finally:
        never.set()


def test_it_returns_and_raises_as_a_call_does() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    assert interruptible(lambda: 7, lambda: False) == 7
    with pytest.raises(TimeoutError, match="of its own"):
        interruptible(fail, lambda: False)

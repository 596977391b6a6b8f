"""From a click on *Segment* to the refined labels, phase by phase, cold and warm.

    xvfb-run -a python -m benchmarks.segment [--times 5]

The sample cat with its scribbles, in the real napari. Cold is the first click, as soon as the dock
is open: its compute process has to start yet, and its kernels have to be loaded; they were compiled
before on this computer. Warm are the clicks after it, of which the median is printed. Phases are
those that the progress bar names. Prediction is a single step for an image this small, told when it
is done, so its time stands under "Preparing"; "shown" is what follows the last step of something
until the next begins or all layers are there. Beside the seconds on the clock stand those of the
processors, in napari's process and in the other one, which other programs lengthen less; where a
screen is drawn without a graphics card, most of the former are spent on that. Run it on an idle
machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import napari
import psutil

from benchmarks.window import wait
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session.session import Session, session_of
from napari_fcn_crf.ui.steps.segment import SegmentStep

PATIENCE_S = 300

Course = dict[str, float]
"""Seconds on the clock of each phase, in their order."""


class Clock:
    """Notes when each phase of a click's work began."""

    def __init__(self, session: Session) -> None:
        self._began: list[tuple[str, float]] = []
        session.runner.progressed.connect(self._on_progressed)

    def start(self) -> None:
        """Forget all, and begin."""
        self._began = [("waiting", time.perf_counter())]

    def _on_progressed(self, latest: Progress) -> None:
        if latest.phase and latest.phase != self._began[-1][0]:
            self._began.append((latest.phase, time.perf_counter()))
        if latest.total and latest.current >= latest.total:
            self._began.append(("shown", time.perf_counter()))

    def course(self) -> Course:
        """Return how long each phase took until now."""
        found: Course = {}
        ends = [*(began for _, began in self._began[1:]), time.perf_counter()]
        for (phase, began), end in zip(self._began, ends, strict=True):
            found[phase] = found.get(phase, 0) + end - began
        return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="warm clicks")
    times = parser.parse_args().times
    viewer = napari.Viewer()
    viewer.window.resize(1400, 1000)
    viewer.window.show()
    viewer.open_sample("napari-fcn-crf", "cat_scribbles")
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel, name="FCN-CRF")
    session = session_of(viewer)
    clock, button = Clock(session), panel.steps[SegmentStep].segment_button.button
    rows = [_click(session, clock, button) for _ in range(1 + times)]
    _print("cold", rows[:1])
    _print(f"warm, median of {times}", rows[1:])
    session.runner.end()
    viewer.close()


def _click(session: Session, clock: Clock, button: Any) -> tuple[Course, float, float]:
    """Return the phases of a click, and the seconds of this process and of the other."""
    _wait(button.isEnabled)
    here, there = time.process_time(), _of_children()
    clock.start()
    button.click()
    _wait(lambda: session.runner.activity is None)
    return clock.course(), time.process_time() - here, _of_children() - there


def _print(title: str, rows: list[tuple[Course, float, float]]) -> None:
    everything = [sum(course.values()) for course, _, _ in rows]
    here, there = (statistics.median(column) for column in list(zip(*rows, strict=True))[1:])
    print(
        f"{title}: {statistics.median(everything):.2f} s; of the processors {here:.2f} s in "
        f"napari's process and {there:.2f} s in the other"
    )
    for phase in dict.fromkeys(phase for course, _, _ in rows for phase in course):
        spent = statistics.median(course.get(phase, 0) for course, _, _ in rows)
        print(f"  {phase:40} {spent:6.2f} s")


def _of_children() -> float:
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def _wait(condition: Callable[[], bool]) -> None:
    end = time.perf_counter() + PATIENCE_S
    while not condition():
        wait(5)
        if time.perf_counter() > end:
            raise TimeoutError("What was waited for did not come.")


if __name__ == "__main__":
    main()

"""How long napari's window stands still while a large stack or image is worked on.

    xvfb-run -a python -m benchmarks.window [--stack PLANESxROWSxCOLUMNS] [--image ROWSxCOLUMNS]

A timer ticks every 20 ms in the real viewer while everything is done that the dock offers without
the network. Printed are, for each action, how late ticks came (p50, p99 and maximum in ms), by the
clock and by the processor time of the main thread, which other programs do not lengthen; and, for
what took more than 50 ms of that, whose code ran. `a > b` is b, of napari or another package, that
a of ours called. Adding, renewing and drawing layers is napari's; it is measured and named, too.

What stays is napari's, once in its life and whatever the layer's size; layers are made on the main
thread only. Its first labels layer imports scipy.ndimage and scikit-image, 0.3 s; each later one
takes 5 ms. Its first colours by label, such as those that come with a model, make it compile a
dictionary of numba's, which no cache keeps, 0.7 s for each integer type. A layer that is added gets
controls and, if it has labels, a polygon to draw with, whose shaders take up to 0.3 s.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

TICK_MS = 20
LATE_MS = 50
_OURS = "/napari_fcn_crf/"


class Pulse:
    """A timer on the main thread, and a thread that looks what keeps the main thread."""

    def __init__(self) -> None:
        self.clock_ms: list[float] = []
        self.processor_ms: list[float] = []
        self.culprits: Counter[str] = Counter()
        self._last = self._last_busy = 0.0
        self._over = threading.Event()
        self._timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._main = threading.get_ident()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._last, self._last_busy = time.perf_counter(), time.thread_time()
        self._timer.start()
        self._watch.start()

    def stop(self) -> None:
        """End; a stop that is not over yet counts."""
        self._tick()
        self._timer.stop()
        self._over.set()
        self._watch.join()

    def _tick(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        self.clock_ms.append(max(0.0, 1000 * (now - self._last) - TICK_MS))
        self.processor_ms.append(max(0.0, 1000 * (busy - self._last_busy) - TICK_MS))
        self._last, self._last_busy = now, busy

    def _look(self) -> None:
        clock = time.pthread_getcpuclockid(self._main)
        while not self._over.wait(0.01):
            if 1000 * (time.clock_gettime(clock) - self._last_busy) > LATE_MS:
                self.culprits[_whose(sys._current_frames()[self._main])] += 1


def _whose(frame: FrameType | None) -> str:
    """Name what runs: the innermost function of ours, and what it called."""
    inner = "itself"
    while frame is not None:
        name = f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"
        if _OURS in frame.f_code.co_filename:
            return f"{name} > {inner}"
        inner, frame = name, frame.f_back
    return "napari's event loop: drawing, slicing, its own widgets"


@contextmanager
def pulse(title: str) -> Iterator[None]:
    """Measure an action and print its line."""
    measured = Pulse()
    measured.start()
    yield
    measured.stop()
    cells = []
    for late in (measured.clock_ms, measured.processor_ms):
        cells += [*np.percentile(late, [50, 99]), max(late)]
    print(f"{title:34}" + "".join(f"{cell:8.1f}" for cell in cells), flush=True)
    for name, count in measured.culprits.most_common(3):
        if count > 2:
            print(f"      about {10 * count} ms in {name}", flush=True)


def wait(milliseconds: int) -> None:
    """Let events be handled for some time."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(holds: Callable[[], bool]) -> None:
    """Let events be handled until something holds, and a little longer."""
    while not holds():
        wait(20)
    wait(300)


def work(viewer: object, shape: tuple[int, ...]) -> None:
    """Do everything on one image."""
    from napari_fcn_crf.data.intensity import IntensityMapping
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.settings import CRFSettings, TrainingSettings
    from napari_fcn_crf.ui.panels import SegmentPanel
    from napari_fcn_crf.ui.session.session import session_of
    from napari_fcn_crf.ui.steps.annotate import AnnotateStep
    from napari_fcn_crf.ui.steps.refine import RefineStep
    from napari_fcn_crf.ui.viewer import result_layers

    size = " x ".join(map(str, shape))
    print(f"\n{size:34}" + 2 * f"{'p50':>8}{'p99':>8}{'max':>8}" + "   ms: clock, processor")
    session = session_of(viewer)
    # As those who open the dock find it: with the CRF's kernels on this computer.
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel, name="FCN-CRF")
    annotate, refine = panel.steps[AnnotateStep], panel.steps[RefineStep]
    refine.controls.set_settings(CRFSettings(iterations=2))
    rng = np.random.default_rng(0)
    rows, columns = (np.arange(size) / 50 for size in shape[-2:])
    waves = 127 + 100 * np.sin(rows)[:, None] * np.cos(columns)
    plane = (waves + rng.normal(0, 5, shape[-2:])).clip(0, 255).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(plane, shape))
    inside = np.clip(plane / 255, 0.05, 0.95).astype(np.float32)
    probabilities = np.empty((2, *shape), np.float32)
    probabilities[1] = inside
    probabilities[0] = 1 - inside
    card = ModelCard(
        (1, 2), ("one", "two"), 1, IntensityMapping((0.0,), (255.0,)), TrainingSettings()
    )
    wait(2000)

    with pulse("idle"):
        wait(2000)
    with pulse("napari adds the image"):
        layer = viewer.add_image(image, name="large", contrast_limits=(0, 255))
        wait(500)
    with pulse("New labels, guessed and counted"):
        annotate.new_labels_button.click()
        wait_until(lambda: session.meaning.counts.is_current)
    strokes = session.selection.annotation
    with pulse("ten strokes, each counted"):
        for at in range(10):
            strokes.paint((*(0,) * (len(shape) - 2), 50 + 20 * at, 100), 1 + at % 2)
            wait_until(lambda: session.meaning.counts.is_current)
    session.meaning.choose_mode("scribbles")
    with pulse("the prediction's layer"):
        source = result_layers.add_probabilities(viewer, layer, probabilities, card)
        session.selection.choose_sources((source,))
        wait(1000)
    shown: list[int] = []
    refine.preview.shown.connect(lambda: shown.append(1))
    with pulse("live preview begins"):
        refine.preview_box.setChecked(True)
        wait_until(lambda: bool(shown))
    with pulse("live preview follows sliders"):
        for weight in range(5, 15):
            refine.controls._controls["bilateral_weight"].value = weight
            wait(200)
    if len(shape) > 2:
        with pulse("live preview follows the slices"):
            for at in range(10):
                viewer.dims.set_point(viewer.dims.ndim - 3, at)
                wait(200)
    with pulse("live preview ends"):
        refine.preview_box.setChecked(False)
        wait(500)
    for title in ("Refine", "Refine again"):
        with pulse(title):
            refine.refine_button.button.click()
            wait_until(lambda: session.runner.activity is None)
    with pulse("Mark changes"):
        refine.compare.changed_box.click()
        wait(500)
    with pulse("Show uncertainty"):
        refine.uncertainty.show_button.click()
        wait_until(lambda: session.runner.activity is None)
    with pulse("Go to the most uncertain"):
        refine.uncertainty.go_button.click()
        wait_until(lambda: session.runner.activity is None)
    with pulse("Remove small regions"):
        refine.cleanup.remove_button.click()
        wait(1000)
        session.runner.cancel()
        wait_until(lambda: session.runner.activity is None)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", default="200x1024x1024", metavar="PLANESxROWSxCOLUMNS")
    parser.add_argument("--image", default="8000x8000", metavar="ROWSxCOLUMNS")
    options = parser.parse_args()

    import napari

    for size in (options.image, options.stack):
        viewer = napari.Viewer()
        viewer.window.resize(1400, 900)
        work(viewer, tuple(map(int, size.split("x"))))
        viewer.close()
        wait(500)


if __name__ == "__main__":
    main()

"""From the mouse button's release to new labels on the screen, phase by phase, with Live on.

    xvfb-run -a python -m benchmarks.live [--sizes 512 1024 10000] [--classes 2 5] [--strokes 20]

Strokes are painted with a real mouse in the real napari. Printed are, for each size and number of
classes, the seconds from switching Live on with a warm process to the first labels, and medians in
milliseconds over the strokes: until the request is sent, of taking in the strokes and solving, of
scores and CRF, until the layer has the labels, until the canvas is drawn, and all of it. Then, over
the same time, how late ticks of 20 ms came on the main thread, p50, p99 and maximum. Of an image of
10000 a part as large as the canvas is seen.

Beside it, in the same run and on as many pixels as are seen: what scikit-image's trainable
segmentation needs for the same update (its basic features, 25 trees), with features kept and with
features computed again, and what computing this network's features again needs, as convpaint does.
The trees need scikit-learn, which nothing else here does: without it that peer is left out, and
`python -m pip install scikit-learn` is all it takes. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from benchmarks.window import Pulse
from napari_fcn_crf.data import samples
from napari_fcn_crf.live.follower import Follower
from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session.live import Live
from napari_fcn_crf.ui.session.session import Session, session_of
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.layers import new_labels

PHASES = ("sent", "solved", "scored", "shown", "drawn", "all")
PATIENCE_S = 300
SEEN_PX = 900
_BRUSH_PX = 6


class Clock:
    """Notes when each phase of an update ended."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._after("sent", Live, "_send")
        self._after("solved", Follower, "turn_to")
        self._after("scored", Follower, "follow")
        self._after("shown", Live, "_show")

    def _after(self, phase: str, owner: Any, name: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)
        before = PHASES[PHASES.index(phase) - 1] if phase != PHASES[0] else None

        @wraps(inner)
        def call(*values: Any, **named: Any) -> Any:
            result = inner(*values, **named)
            # In their order: what ends before belongs to the last update.
            if before is None or before in self.at:
                self.at.setdefault(phase, time.perf_counter())
            return result

        setattr(owner, name, call)

    def on_draw(self, event: object = None) -> None:
        """Note a drawn canvas, if there is something new on it."""
        if "shown" in self.at:
            self.at.setdefault("drawn", time.perf_counter())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 10_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 5])
    parser.add_argument("--strokes", type=int, default=20)
    parser.add_argument("--peers", type=int, metavar="SIDE", help="measure only these")
    options = parser.parse_args()
    if options.peers:
        _peers(options.peers)
        return
    clock = Clock()
    viewer = napari.Viewer()
    viewer.window.resize(1400, 1000)
    viewer.window.add_dock_widget(SegmentPanel(viewer), name="FCN-CRF")
    viewer.window.show()
    canvas: Any = viewer.window._qt_viewer.canvas  # type: ignore[attr-defined]
    canvas._scene_canvas.events.draw.connect(clock.on_draw)
    session = session_of(viewer)
    print(
        "| side | classes | first labels s | " + " | ".join(PHASES) + " | ticks p50, p99, max ms |"
    )
    print("|---" * (4 + len(PHASES)) + "|")
    for side in options.sizes:
        for n_classes in options.classes:
            _measure(viewer, session, clock, side, n_classes, options.strokes)
    session.runner.end()
    viewer.close()
    for side in sorted({min(side, SEEN_PX) for side in options.sizes}):
        # In a process of its own: TensorFlow and the graphics driver do not go together.
        subprocess.run([sys.executable, "-m", "benchmarks.live", "--peers", str(side)], check=True)


def _measure(
    viewer: napari.Viewer, session: Session, clock: Clock, side: int, n_classes: int, strokes: int
) -> None:
    viewer.layers.clear()
    layer = viewer.add_image(_image(side), name="image")
    session.selection.choose_image(layer)
    session.selection.choose_annotation(new_labels(viewer, layer))
    viewer.reset_view()
    if side > 2 * SEEN_PX:
        camera_of(viewer).zoom = 1
        camera_of(viewer).center = (0, side / 2, side / 2)
    middle, reach = side / 2, 0.4 * min(side, SEEN_PX)
    places = middle + reach * np.random.default_rng(0).uniform(-1, 1, (strokes + n_classes, 2))
    annotation: Any = session.selection.annotation
    for label in range(n_classes):
        _stroke(viewer, annotation, label + 1, places[label])
    session.runner.service.prepare()
    _wait(lambda: session.runner.service.is_warm)
    began = time.perf_counter()
    session.live.begin()
    _wait(lambda: session.live.layer is not None)
    first_s = time.perf_counter() - began
    large = side > 2 * SEEN_PX
    _wait(lambda: "features" not in session.live.status and (large or session.live.is_complete))
    _rest(1)
    pulse = Pulse()
    pulse.start()
    found: dict[str, list[float]] = {phase: [] for phase in PHASES}
    for number, place in enumerate(places[n_classes:]):
        released = _stroke(viewer, annotation, 1 + number % n_classes, place, clock)
        _wait(lambda: "drawn" in clock.at)
        last = released
        for phase in PHASES[:-1]:
            found[phase].append(1000 * (clock.at[phase] - last))
            last = clock.at[phase]
        found["all"].append(1000 * (last - released))
        _rest(0.8)
    pulse.stop()
    session.live.end()
    late = np.percentile(pulse.clock_ms, [50, 99, 100]).round().astype(int).tolist()
    row = [f"{statistics.median(found[phase]):.0f}" for phase in PHASES]
    print(f"| {side} | {n_classes} | {first_s:.2f} | {' | '.join(row)} | {late} |", flush=True)


def _image(side: int) -> np.ndarray:
    cat = samples.load("cat")
    times = -(-side // min(cat.shape[:2]))
    return np.ascontiguousarray(np.tile(cat, (times, times, 1))[:side, :side])


def _stroke(
    viewer: napari.Viewer,
    annotation: Any,
    label: int,
    place: np.ndarray,
    clock: Clock | None = None,
) -> float:
    """Paint a short line with the mouse, and return when the button was released."""
    annotation.selected_label, annotation.brush_size = label, _BRUSH_PX
    annotation.mode = "paint"
    native: Any = viewer.window._qt_viewer.canvas.native  # type: ignore[attr-defined]
    camera = camera_of(viewer)
    middle = np.array([native.height(), native.width()]) / 2
    start = (place - np.array(camera.center[-2:])) * camera.zoom + middle
    way = [QPoint(*map(round, (start[1] + step, start[0]))) for step in range(0, 40, 8)]
    button = Qt.MouseButton.LeftButton
    QTest.mouseMove(native, way[0])
    QTest.mousePress(native, button, pos=way[0])
    for point in way:
        QTest.mouseMove(native, point)
        _rest(0.01)
    if clock is not None:
        clock.at.clear()
    released = time.perf_counter()
    QTest.mouseRelease(native, button, pos=way[-1])
    return released


def _peers(side: int) -> None:
    from skimage.feature import multiscale_basic_features

    from napari_fcn_crf.pipeline.plane_features import feature_extractor
    from napari_fcn_crf.settings import TrainingSettings

    image = _image(side)
    began = time.perf_counter()
    features = multiscale_basic_features(image, channel_axis=-1, sigma_max=16)
    theirs_s = time.perf_counter() - began
    update_s = _forest_s(features, side)
    extractor = feature_extractor(TrainingSettings(), 3)
    plane, values = image.astype(np.float32), np.empty((side, side, extractor.width), np.uint16)
    extractor.columns(plane, values, 1024)
    began = time.perf_counter()
    extractor.columns(plane, values, 1024)
    ours_s = time.perf_counter() - began
    forest = "scikit-learn is not installed" if update_s is None else f"{update_s:.2f} s"
    print(
        f"{side} x {side}: scikit-image's features {theirs_s:.2f} s, its forest {forest} an "
        f"update; this network's features again {ours_s:.2f} s an update"
    )


def _forest_s(features: np.ndarray, side: int) -> float | None:
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        return None
    labels = np.zeros((side, side), np.uint8)
    for number, (row, column) in enumerate(
        np.random.default_rng(0).integers(0, side - 40, (22, 2))
    ):
        labels[row : row + _BRUSH_PX, column : column + 40] = 1 + number % 2
    began = time.perf_counter()
    forest = RandomForestClassifier(25, max_depth=10, max_samples=0.05, n_jobs=-1)
    forest.fit(features[labels > 0], labels[labels > 0])
    forest.predict(features.reshape(-1, features.shape[-1]))
    return time.perf_counter() - began


def _wait(condition: Callable[[], bool]) -> None:
    end = time.perf_counter() + PATIENCE_S
    while not condition():
        QApplication.processEvents()
        time.sleep(0.001)
        if time.perf_counter() > end:
            raise TimeoutError("What was waited for did not come.")


def _rest(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()

"""napari stays responsive from the first click to refined labels.

For how long it does not, `benchmarks/window.py` measures. Here it is seen that the main thread
waits for nobody, does nothing large itself, and is given its layers one by one.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer

from napari_fcn_crf.model import record
from napari_fcn_crf.pipeline import prediction, refinement, training
from napari_fcn_crf.results import uncertainty
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions import refine_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementInput
from napari_fcn_crf.ui.session import label_counts
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer import ownership
from tests.ui.conftest import click, wait_until_idle

# Less than it takes to add a layer on any machine.
TICK_MS = 1

_WAITING = (
    # Events, queues and futures wait with it.
    (threading.Condition, "wait"),
    (threading.Thread, "join"),
    (subprocess.Popen, "wait"),
    (subprocess.Popen, "communicate"),
    (time, "sleep"),
)


# A thread that was made is waited for until it starts, but that takes no time. And what an earlier
# test had is freed at any time.
_EXCUSED = ("threading.py:start", "weakref.py:__call__")


class Turns:
    """Counts the layers that come or go between one tick of a timer and the next.

    Each takes napari a tenth of a second, with its controls, shaders and first drawing.
    """

    def __init__(self, viewer: object) -> None:
        self.layer_changes: list[int] = []
        self._changed = 0
        self._events = (viewer.layers.events.inserted, viewer.layers.events.removed)
        self._timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Turns:
        for event in self._events:
            event.connect(self._on_layer_change)
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.stop()
        for event in self._events:
            event.disconnect(self._on_layer_change)

    def _on_layer_change(self, event: object) -> None:
        self._changed += 1

    def _tick(self) -> None:
        if self._changed:
            self.layer_changes.append(self._changed)
            self._changed = 0


class Workers:
    """Notes in which threads what takes its time on large arrays is done.

    Parameters
    ----------
    monkeypatch : MonkeyPatch
    functions : pairs of a module or class and a name in it
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *functions: tuple[object, str]) -> None:
        self.threads: dict[str, set[str]] = {name: set() for _, name in functions}
        for place, name in functions:
            monkeypatch.setattr(place, name, self._noting(name, getattr(place, name)))

    def _noting(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def noting(*given: object, **named: object) -> object:
            self.threads[name].add(threading.current_thread().name)
            return function(*given, **named)

        return noting

    def check(self) -> None:
        """Fail if any was not done, or by the main thread."""
        main = threading.main_thread().name
        assert [name for name, threads in self.threads.items() if not threads] == []
        assert [name for name, threads in self.threads.items() if main in threads] == []


class Watch:
    """Notes where code of ours lets the main thread wait for another one, or for a process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[str] = set()
        for kind, name in _WAITING:
            monkeypatch.setattr(kind, name, self._noting(getattr(kind, name)))

    def _noting(self, wait: Callable[..., object]) -> Callable[..., object]:
        def noting(*given: object, **named: object) -> object:
            if threading.current_thread() is threading.main_thread():
                self._note(sys._getframe(1))
            return wait(*given, **named)

        return noting

    def _note(self, frame: FrameType | None) -> None:
        names = []
        while frame is not None:
            names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
            frame = frame.f_back
        ours = [name for name in names if "/napari_fcn_crf/" in name]
        if ours and not any(name.endswith(_EXCUSED) for name in names):
            self.seen.add(" < ".join(ours))


@pytest.mark.own_process
def test_nothing_keeps_the_event_loop(viewer, qtbot, monkeypatch):
    workers = Workers(
        monkeypatch,
        (label_counts, "count_labels"),
        (training, "check_training_input"),
        (prediction, "check_prediction_input"),
        (record, "array_sha256"),
        (record, "file_sha256"),
        (refinement, "refine"),
    )
    viewer.open_sample("napari-fcn-crf", "cat_scribbles")
    _, panel = viewer.window.add_plugin_dock_widget("napari-fcn-crf", "Segment")
    train, predict, refine = (panel.steps[kind] for kind in (TrainStep, PredictStep, RefineStep))
    session, image = train.session, viewer.layers["cat"]
    train.controls.iterations.value = 20
    buttons = (train.train_button, predict.predict_button, refine.refine_button)
    watch, previews = Watch(monkeypatch), []
    session.runner.progressed.connect(lambda latest: previews.append(latest.partial is not None))
    for new in (3, 0):
        qtbot.wait(500)
        with Turns(viewer) as turns:
            for button in buttons:
                click(qtbot, button)
                wait_until_idle(qtbot, session)
                qtbot.wait(200)
        # The preview comes and goes, if it is not late; results are new layers in the first round
        # only.
        assert len(turns.layer_changes) in (new, new + 2)
        assert set(turns.layer_changes) <= {1}
    workers.check()
    assert watch.seen == set()
    assert any(previews)
    assert image in viewer.layers


@pytest.mark.parametrize(
    "shape",
    [(10, 512, 512), pytest.param((2000, 2000), marks=pytest.mark.long)],
    ids=["stack", "image"],
)
def test_large_layers_do_not_keep_it_either(viewer, panel, session, qtbot, monkeypatch, shape):
    """Counting, previewing, refining; without iterations, for their time is a thread's.

    Which thread does what is seen, not how long it takes, and so the layers need not be huge.
    """
    workers = Workers(
        monkeypatch,
        (label_counts, "count_labels"),
        (RefinementInput, "whole"),
        (RefinementInput, "arrays"),
        (refinement, "refine"),
        (refine_actions, "changed_fraction"),
        (refine_actions, "most_probable"),
        (refine_actions, "label_fractions"),
        (ownership, "_checksum"),
        (uncertainty, "entropy"),
    )
    annotate, refine = panel.steps[AnnotateStep], panel.steps[RefineStep]
    refine.controls.set_settings(CRFSettings(iterations=0))
    image = viewer.add_image(np.zeros(shape, np.uint8), name="large", contrast_limits=(0, 255))
    qtbot.waitUntil(annotate.new_labels_button.isEnabled)
    annotate.new_labels_button.click()
    qtbot.waitUntil(lambda: session.meaning.counts.is_current, timeout=60_000)
    # Hardly any memory, and read like any other.
    classes = np.array([0.25, 0.75], np.float32).reshape(2, *(1 for _ in shape))
    source = viewer.add_image(
        np.broadcast_to(classes, (2, *shape)), name="probabilities", contrast_limits=(0, 1)
    )
    session.selection.choose_sources((source,))
    shown = []
    refine.preview.shown.connect(lambda: shown.append(1))
    watch = Watch(monkeypatch)
    for at in (100, 300):
        session.selection.annotation.paint((*(0,) * (len(shape) - 2), at, at), 1)
        qtbot.waitUntil(lambda: session.meaning.counts.is_current, timeout=60_000)
    refine.preview_box.setChecked(True)
    qtbot.waitUntil(lambda: bool(shown), timeout=60_000)
    viewer.dims.set_point(viewer.dims.ndim - 3, 1)
    qtbot.wait(300)
    for _ in range(2):  # the second time, results are renewed instead of added
        click(qtbot, refine.refine_button)  # ends the preview
        wait_until_idle(qtbot, session)
    refine.compare.changed_box.click()
    refine.uncertainty.show_button.click()
    wait_until_idle(qtbot, session)
    qtbot.wait(200)
    found = session.results.refined.refined.data
    assert found.shape == shape
    assert (found.flat[::99_991] == 2).all()
    assert image in viewer.layers
    assert watch.seen == set()
    workers.check()

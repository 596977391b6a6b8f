"""The real viewer with the real plugin; nothing here may import keras (see test_workflow)."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import psutil
import pytest
from napari.utils.events import EventEmitter
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.notifications import notification_manager
from npe2.manifest import _bases

from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session import growing, unsaved_models, user_memory
from napari_fcn_crf.ui.session.session import Session, session_of
from tests.compute.conftest import let_tasks_end
from tests.ui.patience import PATIENCE_MS, PatientQtBot
from tests.ui.shared_window import SharedWindow
from tests.ui.warm_process import WarmProcess

JOB_TIMEOUT_MS = PATIENCE_MS

_warm = WarmProcess()
_window = SharedWindow()


def wait_until_idle(qtbot, session: Session) -> None:
    """Wait until the session's work is over and the steps show it."""
    qtbot.waitUntil(lambda: session.runner.activity is None)
    qtbot.wait(50)


def click(qtbot, run_button) -> None:
    """Click a step's button as soon as it can be clicked."""
    button = getattr(run_button, "button", run_button)
    qtbot.waitUntil(button.isEnabled)
    button.click()


def press(viewer, key: str) -> None:
    """Press a key while the canvas has the keyboard."""
    viewer.window._qt_viewer._key_map_handler.press_key(coerce_keybinding(key))


def compute_processes() -> list[psutil.Process]:
    """Return the compute processes of this process's windows that still run."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if child.pid != _warm.pid and "napari_fcn_crf" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left():
    yield
    _window.close()
    _warm.end()


@pytest.fixture(scope="session", autouse=True)
def _manifests_are_parsed_once():
    """Each window reads those of all plugins, for a third of the time that it takes to open."""
    parse, known = _bases._load_yaml_no_duplicates, {}

    def parse_once(stream):
        text = stream if isinstance(stream, str) else stream.read()
        if text not in known:
            known[text] = parse(text)
        return copy.deepcopy(known[text])

    with pytest.MonkeyPatch.context() as context:
        context.setattr(_bases, "_load_yaml_no_duplicates", parse_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _signatures_are_read_once():
    """Napari reads that of each callback whenever a layer or control comes or goes."""
    read, known = EventEmitter._check_signature, {}

    def read_once(callback):
        function = getattr(callback, "__func__", callback)
        if not inspect.isfunction(function):
            return read(callback)
        key = (function.__code__, inspect.ismethod(callback))
        if key not in known:
            known[key] = read(callback)
        return known[key]

    with pytest.MonkeyPatch.context() as context:
        context.setattr(EventEmitter, "_check_signature", staticmethod(read_once))
        yield


@pytest.fixture(autouse=True)
def _warm_process(request, monkeypatch):
    """A process that is warm, unless the test is about how one starts and ends."""
    if not request.node.get_closest_marker("own_process"):
        _warm.install(monkeypatch)


@pytest.fixture(autouse=True)
def _cancelled_tasks_end_by_themselves(monkeypatch):
    let_tasks_end(monkeypatch)


@pytest.fixture(autouse=True)
def user_folder(tmp_path_factory, monkeypatch):
    """A folder of the user's in which nothing was chosen or left yet."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setattr(user_memory, "default_path", lambda: folder / "dock.json")
    monkeypatch.setattr(unsaved_models, "default_folder", lambda: folder / "unsaved")
    monkeypatch.setattr(growing, "default_folder", lambda: folder / "growing")
    return folder


@pytest.fixture
def qtbot(qapp, request):
    """pytest-qt's, with patience."""
    return PatientQtBot(request)


def _has_own_window(request) -> bool:
    mark = request.node.get_closest_marker("own_window")
    return mark is not None or "make_napari_viewer" in request.fixturenames


@pytest.fixture(autouse=True)
def _one_window(request):
    """The window that tests share is closed before one opens its own."""
    if _has_own_window(request):
        _window.close()


@pytest.fixture
def viewer(qtbot, request, _warm_process):
    """The window that tests share, empty; or a test's own."""
    own = _has_own_window(request)
    viewer = request.getfixturevalue("make_napari_viewer")() if own else _window.take()
    yield viewer
    session_of(viewer).runner.cancel()
    wait_until_idle(qtbot, session_of(viewer))
    if not own:
        if request.node.rep_call.failed:
            _window.close()
        else:
            _window.give_back()


@pytest.fixture
def panel(viewer, qtbot):
    """The whole workflow, docked."""
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel, name="FCN-CRF")
    qtbot.wait(50)
    return panel


@pytest.fixture
def session(viewer) -> Session:
    return session_of(viewer)


@pytest.fixture
def notes():
    """The texts of the notifications shown since the test began."""
    start = len(notification_manager.records)
    return lambda: [str(record.message) for record in list(notification_manager.records)[start:]]


@pytest.fixture
def two_squares() -> tuple[np.ndarray, np.ndarray]:
    """A 64x64 gray image of a bright square, and strokes on it and beside it."""
    rng = np.random.default_rng(0)
    image = rng.normal(60, 10, (64, 64))
    image[16:48, 16:48] += 120
    labels = np.zeros((64, 64), np.uint8)
    labels[4:7, 4:60] = 3
    labels[30:33, 20:44] = 7
    return image.clip(0, 255).astype(np.uint8), labels

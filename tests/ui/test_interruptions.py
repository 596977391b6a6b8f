"""Cancelling, crashing and closing: nothing hangs, nothing learnt is lost, no process stays."""

from __future__ import annotations

import sys
import time

import numpy as np
import psutil
import pytest

from napari_fcn_crf.ui.session.preferences import change_compute_settings
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.device import DeviceStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer import layers
from napari_fcn_crf.ui.viewer.ownership import METADATA_KEY
from tests.ui.conftest import JOB_TIMEOUT_MS, click, compute_processes, wait_until_idle


@pytest.fixture
def squares(viewer, two_squares):
    """The image of two_squares and its strokes as layers."""
    image, labels = two_squares
    return viewer.add_image(image, name="squares"), viewer.add_labels(labels, name="strokes")


def _wait_for_loss(qtbot, session):
    qtbot.waitUntil(
        lambda: session.activity is not None and session.activity.latest.loss is not None,
        timeout=JOB_TIMEOUT_MS,
    )


def _cancel(qtbot, session) -> float:
    start = time.perf_counter()
    session.cancel()
    qtbot.waitUntil(lambda: session.activity is None, timeout=10_000)
    return time.perf_counter() - start


def test_cancel_keeps_what_was_learnt(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    _wait_for_loss(qtbot, session)
    qtbot.wait(500)
    assert _cancel(qtbot, session) < 5
    assert 1 <= len(session.model.card.losses) < 5000
    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    assert viewer.layers["squares probabilities"].data.shape == (2, 64, 64)


@pytest.mark.own_process
def test_cancel_while_the_process_starts(viewer, panel, session, squares, qtbot, notes):
    click(qtbot, panel.steps[TrainStep].train_button)
    qtbot.wait(200)
    assert _cancel(qtbot, session) < 5
    assert session.model is None
    assert "Training was cancelled." in notes()


@pytest.mark.own_process
def test_killed_process_is_told_and_replaced(viewer, panel, session, squares, qtbot, notes):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    _wait_for_loss(qtbot, session)
    for process in compute_processes():
        process.kill()
    wait_until_idle(qtbot, session)
    assert any("ended unexpectedly" in note for note in notes())

    train.controls.iterations.value = 2
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert len(session.model.card.losses) == 2


@pytest.mark.own_process
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory so")
def test_memory_too_short_for_the_image_is_told(viewer, panel, session, squares, qtbot, notes):
    panel.steps[TrainStep].controls.iterations.value = 1
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    large = viewer.add_image(np.tile(squares[0].data, (11, 11)), name="large")
    session.choose_image(large)
    (process,) = compute_processes()
    limit = process.memory_info().vms + 900 * 2**20
    process.rlimit(psutil.RLIMIT_AS, (limit, limit))
    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    (note,) = [note for note in notes() if "emory" in note]
    assert note.endswith("; the image was predicted in tiles of 352 px.")
    probabilities = viewer.layers["large probabilities"]
    assert probabilities.data.shape == (2, 704, 704)
    run_record = probabilities.metadata[METADATA_KEY]["record"]["prediction"]
    assert run_record["note"] == note


@pytest.mark.own_process
def test_closing_the_viewer_while_training_ends_the_process(make_napari_viewer, two_squares, qtbot):
    from napari_fcn_crf.ui.panels import SegmentPanel

    viewer = make_napari_viewer()
    image, labels = two_squares
    viewer.add_image(image, name="squares")
    viewer.add_labels(labels)
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel)
    session = session_of(viewer)
    panel.steps[TrainStep].controls.iterations.value = 5000
    click(qtbot, panel.steps[TrainStep].train_button)
    _wait_for_loss(qtbot, session)
    processes = compute_processes()
    assert processes
    viewer.close()
    qtbot.wait(100)
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not alive


def test_second_start_is_refused(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    assert not panel.steps[PredictStep].predict_button.button.isEnabled()
    with pytest.raises(ValueError, match="still running"):
        session.run("refine", "Refining", lambda report: None, lambda: None, lambda result: None)
    _cancel(qtbot, session)


def test_deleting_the_image_while_training(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5
    click(qtbot, train.train_button)
    viewer.layers.remove(squares[0])
    wait_until_idle(qtbot, session)
    assert len(session.model.card.losses) == 5
    assert session.image is None
    assert not panel.steps[PredictStep].predict_button.button.isEnabled()


def test_results_of_a_closed_image_are_not_shown(viewer, panel, session, squares, qtbot, notes):
    panel.steps[TrainStep].controls.iterations.value = 2
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    click(qtbot, panel.steps[PredictStep].predict_button)
    viewer.layers.remove(squares[0])
    wait_until_idle(qtbot, session)
    assert "'squares' was closed; its prediction is not shown." in notes()
    assert not layers.layers_where(viewer, layers.is_probabilities)


@pytest.mark.own_process
def test_another_backend_between_runs_is_another_process(viewer, panel, session, squares, qtbot):
    train, device = panel.steps[TrainStep], panel.steps[DeviceStep]
    train.controls.iterations.value = 1
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    first = session.service.pid
    device.device.setCurrentIndex(device.device.findData("cpu"))
    device.device.activated.emit(device.device.currentIndex())
    try:
        click(qtbot, train.train_button)
        wait_until_idle(qtbot, session)
        assert len(session.model.card.losses) == 1
        assert session.service.pid != first
        assert not psutil.pid_exists(first) or (
            psutil.Process(first).status() == psutil.STATUS_ZOMBIE
        )
        assert len(compute_processes()) == 1
    finally:
        change_compute_settings(device="auto")


@pytest.mark.own_process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_while_training_is_told(viewer, panel, session, squares, qtbot, notes):
    """The process may write no file as large as a model, which fails as a full disk does."""
    import resource

    train = panel.steps[TrainStep]
    # The limit holds for shared memory as well, which a full disk does not fill.
    train.preview_box.setChecked(False)
    session.service.prepare()
    qtbot.waitUntil(lambda: session.service.is_warm, timeout=JOB_TIMEOUT_MS)
    pid = session.service.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    train.controls.iterations.value = 3
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert session.model is None
    told = [note for note in notes() if "could not be written" in note]
    assert len(told) == 1
    assert "Free some space" in told[0]
    # It goes on with the same process as soon as there is space.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert len(session.model.card.losses) == 3
    assert session.service.pid == pid


def test_a_second_click_while_training_cancels_and_starts_nothing(
    viewer, panel, session, squares, qtbot, notes
):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    _wait_for_loss(qtbot, session)
    train.train_button.button.click()
    wait_until_idle(qtbot, session, 10_000)
    assert any(note.startswith("Training stopped after") for note in notes())
    assert len(compute_processes()) == 1
    assert session.activity is None

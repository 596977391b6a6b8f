"""Cancelling, crashing and closing: nothing hangs, nothing learnt is lost, no process stays."""

from __future__ import annotations

import sys
import time

import dask.array as da
import numpy as np
import psutil
import pytest
from PIL import Image

from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session.preferences import change_compute_settings
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.device import DeviceStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer import layers
from napari_fcn_crf.ui.viewer.ownership import METADATA_KEY
from tests.compute.conftest import let_no_backend_load
from tests.ui.conftest import (
    click,
    compute_processes,
    press,
    wait_until_idle,
)
from tests.ui.patience import PATIENCE_MS


@pytest.fixture
def squares(viewer, two_squares):
    """The image of two_squares and its strokes as layers."""
    image, labels = two_squares
    return viewer.add_image(image, name="squares"), viewer.add_labels(labels, name="strokes")


def _wait_for_loss(qtbot, session):
    qtbot.waitUntil(
        lambda: (
            session.runner.activity is not None and session.runner.activity.latest.loss is not None
        )
    )


def _cancel(qtbot, session):
    session.runner.cancel()
    wait_until_idle(qtbot, session)


def test_cancel_keeps_what_was_learnt(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    _wait_for_loss(qtbot, session)
    _cancel(qtbot, session)
    assert 1 <= len(session.models.model.card.losses) < 5000
    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    assert viewer.layers["squares probabilities"].data.shape == (2, 64, 64)


@pytest.mark.own_process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_cancel_while_the_process_starts(
    viewer, panel, session, squares, qtbot, notes, monkeypatch, tmp_path
):
    let_no_backend_load(monkeypatch, tmp_path)
    losses = []
    session.runner.progressed.connect(lambda latest: losses.append(latest.loss))
    click(qtbot, panel.steps[TrainStep].train_button)
    # What is to be learnt from is read before that.
    qtbot.waitUntil(lambda: bool(compute_processes()))
    processes = compute_processes()
    _cancel(qtbot, session)
    assert set(losses) == {None}
    assert session.models.model is None
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_MS / 1000)
    assert not alive
    assert "Training was cancelled." in notes()


@pytest.mark.parametrize("kind", ["layer", pytest.param("files", marks=pytest.mark.long)])
def test_cancel_while_images_are_read(
    viewer, panel, session, squares, qtbot, notes, tmp_path, monkeypatch, kind
):
    image, labels = squares
    read = []

    def slowly(block):
        time.sleep(0.5)
        read.append(1)
        return block

    if kind == "files":
        # The same file by two hundred names: a hundred seconds of reading.
        Image.fromarray(image.data).save(tmp_path / "first.png")
        Image.fromarray(labels.data.astype(np.uint8)).save(tmp_path / "labels.png")
        found = []
        for number in range(200):
            path = tmp_path / f"image{number}.png"
            path.hardlink_to(tmp_path / "first.png")
            found.append(PairFiles(path, tmp_path / "labels.png"))
        read_pair = PairFiles.read
        monkeypatch.setattr(PairFiles, "read", lambda pair: slowly(read_pair(pair)))
        session.pairs.add_files(found)
    else:
        planes = da.from_array(np.stack([image.data] * 200), chunks=(1, -1, -1))
        strokes = viewer.add_labels(np.stack([labels.data] * 200))
        slow = viewer.add_image(planes.map_blocks(slowly, dtype=np.uint8), contrast_limits=(0, 255))
        session.selection.choose_image(slow)
        session.selection.choose_annotation(strokes)
    click(qtbot, panel.steps[TrainStep].train_button)
    qtbot.waitUntil(lambda: bool(read))
    assert session.runner.activity is not None
    _cancel(qtbot, session)
    # Nobody waited for all of it.
    assert len(read) < 100
    assert session.models.model is None
    assert "Training was cancelled." in notes()
    # What was still being read starts nothing when it is there, and the next training can begin.
    while session.pairs.files:
        session.pairs.remove(0)
    session.selection.choose_image(image)
    session.selection.choose_annotation(labels)
    panel.steps[TrainStep].controls.iterations.value = 0
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    assert session.models.model is not None


@pytest.mark.long
@pytest.mark.own_process
def test_a_process_is_replaced_if_it_is_killed_and_ends_with_its_viewer(
    make_napari_viewer, two_squares, qtbot, notes
):
    viewer, (image, labels) = make_napari_viewer(), two_squares
    viewer.add_image(image, name="squares")
    viewer.add_labels(labels)
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel)
    session, train = session_of(viewer), panel.steps[TrainStep]
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
    assert len(session.models.model.card.losses) == 2

    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    _wait_for_loss(qtbot, session)
    processes = compute_processes()
    assert processes
    viewer.close()
    qtbot.wait(100)
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_MS / 1000)
    assert not alive


@pytest.mark.long
@pytest.mark.own_process
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory so")
def test_memory_too_short_for_the_image_is_told(viewer, panel, session, squares, qtbot, notes):
    panel.steps[TrainStep].controls.iterations.value = 1
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    large = viewer.add_image(np.tile(squares[0].data, (11, 11)), name="large")
    session.selection.choose_image(large)
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


def test_second_start_is_refused(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    assert not panel.steps[PredictStep].predict_button.button.isEnabled()
    with pytest.raises(ValueError, match="still running"):
        session.runner.run(
            "refine", "Refining", lambda report: None, lambda: None, lambda result: None
        )
    _cancel(qtbot, session)


def test_deleting_the_image_while_training(viewer, panel, session, squares, qtbot):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5
    click(qtbot, train.train_button)
    viewer.layers.remove(squares[0])
    wait_until_idle(qtbot, session)
    assert len(session.models.model.card.losses) == 5
    assert session.selection.image is None
    assert not panel.steps[PredictStep].predict_button.button.isEnabled()


def test_results_of_a_closed_image_are_not_shown(viewer, panel, session, squares, qtbot, notes):
    panel.steps[TrainStep].controls.iterations.value = 0
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    click(qtbot, panel.steps[PredictStep].predict_button)
    viewer.layers.remove(squares[0])
    wait_until_idle(qtbot, session)
    assert "'squares' was closed; its prediction is not shown." in notes()
    assert not layers.layers_where(viewer, layers.is_probabilities)


@pytest.mark.long
@pytest.mark.own_process
def test_another_backend_between_runs_is_another_process(viewer, panel, session, squares, qtbot):
    train, device = panel.steps[TrainStep], panel.steps[DeviceStep]
    train.controls.iterations.value = 1
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    first = session.runner.service.pid
    device.device.setCurrentIndex(device.device.findData("cpu"))
    device.device.activated.emit(device.device.currentIndex())
    try:
        click(qtbot, train.train_button)
        wait_until_idle(qtbot, session)
        assert len(session.models.model.card.losses) == 1
        assert session.runner.service.pid != first
        assert not psutil.pid_exists(first) or (
            psutil.Process(first).status() == psutil.STATUS_ZOMBIE
        )
        assert len(compute_processes()) == 1
    finally:
        change_compute_settings(device="auto")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_while_training_is_told(viewer, panel, session, squares, qtbot, notes):
    """The process may write no file as large as a model, which fails as a full disk does."""
    import resource

    train = panel.steps[TrainStep]
    # The limit holds for shared memory as well, which a full disk does not fill.
    train.preview_box.setChecked(False)
    session.runner.service.prepare()
    qtbot.waitUntil(lambda: session.runner.service.is_warm)
    pid = session.runner.service.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    train.controls.iterations.value = 3
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert session.models.model is None
    told = [note for note in notes() if "could not be written" in note]
    assert len(told) == 1
    assert "Free some space" in told[0]
    # It goes on with the same process as soon as there is space.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert len(session.models.model.card.losses) == 3
    assert session.runner.service.pid == pid


def test_a_second_click_while_training_cancels_and_starts_nothing(
    viewer, panel, session, squares, qtbot, notes
):
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 5000
    click(qtbot, train.train_button)
    # The second half of a double click, and the key, are no wish to cancel.
    train.train_button.button.click()
    assert not train.train_button.button.isEnabled()
    assert train.train_button.button.text() == "Cancel"
    _wait_for_loss(qtbot, session)
    press(viewer, "Shift-T")
    assert not session.runner.activity.is_cancelling
    click(qtbot, train.train_button)
    assert session.runner.activity is None or session.runner.activity.is_cancelling
    wait_until_idle(qtbot, session)
    assert any(note.startswith("Training stopped after") for note in notes())
    assert len(compute_processes()) == 1
    assert session.runner.activity is None

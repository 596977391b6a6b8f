"""Many images by one press: a folder into files, all open images into layers, and their table."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.batch.in_service import UnderWay
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.compute.parent.service import TrainingRequest
from napari_fcn_crf.data.image_files import read_labels
from napari_fcn_crf.settings import ComputeSettings, CRFSettings, TrainingSettings
from napari_fcn_crf.ui.actions import refine_actions
from napari_fcn_crf.ui.actions.network_actions import open_model
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.panels import PredictPanel
from napari_fcn_crf.ui.session.image_table import in_words
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.viewer.layer_result import result_of
from tests.ui.conftest import click, wait_until_idle

CRF = CRFSettings(gaussian_sigma_px=2, bilateral_sigma_px=8, iterations=2)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """Where the first test leaves a model of two classes, 3 and 7."""
    return tmp_path_factory.mktemp("model") / "squares.keras"


@pytest.fixture
def step(viewer, session, qtbot, two_squares, model_path) -> PredictStep:
    """The step with a model that was trained on a bright square."""
    service = session.runner.service
    if not model_path.exists():
        image, labels = two_squares
        service.configure(ComputeSettings(device="cpu"))
        request = TrainingRequest(TrainingSettings(iterations=30), class_names={7: "square"})
        service.train([image], [labels], request, model_path).result(180)
    panel = PredictPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Predict")
    open_model(session, model_path)
    session.choices.choose_crf(CRF)
    return panel.steps[PredictStep]


@pytest.fixture
def plate(tmp_path, two_squares):
    """A folder with two images and a file between them that is none."""
    folder = tmp_path / "plate"
    folder.mkdir()
    tifffile.imwrite(folder / "a1.tif", two_squares[0])
    (folder / "a2.tif").write_bytes(b"no picture at all")
    tifffile.imwrite(folder / "a3.tif", two_squares[0][::-1])
    return folder


def choose_folder(step, monkeypatch, folder, qtbot) -> None:
    """Choose a folder as a person does; the dialog is the operating system's."""
    step.many.extent.setCurrentIndex(2)
    step.many.extent.activated.emit(2)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    step.many.folder_button.click()
    qtbot.waitUntil(lambda: step.many.folder.whole_text == str(folder))


def run(qtbot, step) -> None:
    click(qtbot, step.predict_button)
    wait_until_idle(qtbot, step.session)


def states(step) -> list[str]:
    return [row.state for row in step.session.many.table.rows]


def click_row(qtbot, step, row: int) -> None:
    """Click on a row of the table, and wait until what it opens is there."""
    view = step.images.view
    index = step.images.index_of(row)
    view.scrollTo(index)
    place = view.visualRect(index).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: not step.session.opener.is_reading)


def test_a_folder_is_done_but_for_what_is_broken_and_a_click_shows_a_result(
    step, viewer, session, qtbot, plate, monkeypatch, notes
):
    assert not step.predict_button.button.isEnabled()
    choose_folder(step, monkeypatch, plate, qtbot)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "done"]
    failed = session.many.table.rows[1]
    assert "a2.tif" in failed.error
    qtbot.waitUntil(lambda: step.images.counts.text() == "2 of 3 done, 1 failed")
    assert failed.error in step.images.details.text()
    assert any(note.startswith("2 of 3 done, 1 failed: see the table") for note in notes())
    assert {path.name for path in plate.iterdir()} == {
        *("a1.tif", "a2.tif", "a3.tif", "a1_refined.tif", "a3_refined.tif"),
        *("ledger.jsonl", "failed.txt"),
    }
    assert {entry.state for entry in Ledger(plate).entries.values()} == {"done", "failed"}

    click_row(qtbot, step, 1)
    assert len(viewer.layers) == 0
    click_row(qtbot, step, 0)
    assert [layer.name for layer in viewer.layers] == ["a1", "a1 refined"]
    labels = viewer.layers["a1 refined"]
    np.testing.assert_array_equal(labels.data, read_labels(plate / "a1_refined.tif"))
    assert set(np.unique(labels.data)) <= {3, 7}
    assert labels.visible
    assert session.selection.image is viewer.layers["a1"]
    assert session.class_names.of(7) == "square"
    click_row(qtbot, step, 2)
    assert viewer.layers["a3 refined"].visible
    assert not viewer.layers["a1 refined"].visible
    # The same again shows the same layers.
    click_row(qtbot, step, 0)
    assert len(viewer.layers) == 4
    assert viewer.layers["a1 refined"].visible

    assert not {"keras", "tensorflow", "torch", "jax"} & set(sys.modules)


def test_the_same_press_again_does_what_is_missing(step, session, qtbot, plate, monkeypatch):
    choose_folder(step, monkeypatch, plate, qtbot)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "done"]
    # What has failed is tried again: somebody may have mended what was in the way.
    run(qtbot, step)
    assert states(step) == ["done before", "failed", "done before"]
    tifffile.imwrite(plate / "a2.tif", tifffile.imread(plate / "a1.tif"))
    (plate / "a3_refined.tif").unlink()
    run(qtbot, step)
    assert states(step) == ["done before", "done", "done"]
    assert in_words(session.many.table.rows) == "3 of 3 done, 1 of them before"
    assert not (plate / "failed.txt").exists()
    run(qtbot, step)
    assert in_words(session.many.table.rows) == "3 of 3 done already"


def test_cancel_keeps_what_is_done_and_the_next_press_goes_on(
    step, session, qtbot, plate, monkeypatch
):
    (plate / "a2.tif").unlink()
    # Not done by the time that the cancel comes, which is sent when the first is begun.
    small = tifffile.imread(plate / "a3.tif")
    tifffile.imwrite(plate / "a3.tif", np.tile(small, (50, 50)))
    choose_folder(step, monkeypatch, plate, qtbot)

    def cancel(latest):
        if isinstance(latest.partial, UnderWay):
            session.runner.cancel()

    session.runner.progressed.connect(cancel)
    run(qtbot, step)
    session.runner.progressed.disconnect(cancel)
    first, last = states(step)
    assert first in ("done", "not done")
    assert last == "not done"
    left = {path.name for path in plate.iterdir()} - {"a1_refined.tif"}
    assert left == {"a1.tif", "a3.tif", "ledger.jsonl"}
    tifffile.imwrite(plate / "a3.tif", small)
    run(qtbot, step)
    assert all(row.is_done for row in session.many.table.rows)
    assert (plate / "a3_refined.tif").exists()


def test_of_a_large_image_what_is_seen_is_read(
    step, viewer, session, qtbot, plate, monkeypatch, two_squares
):
    for path in plate.iterdir():
        path.unlink()
    # One level, and so large that its labels have two.
    plane = np.tile(two_squares[0], (9, 9))
    zarr.create_array(str(plate / "b1.zarr"), data=plane, chunks=(64, 64))
    choose_folder(step, monkeypatch, plate, qtbot)
    run(qtbot, step)
    assert states(step) == ["done"]
    click_row(qtbot, step, 0)
    assert [layer.name for layer in viewer.layers] == ["b1", "b1 refined"]
    image, labels = viewer.layers
    np.testing.assert_array_equal(image.data, plane)
    assert [level.shape for level in labels.data] == [(576, 576), (288, 288)]
    stored = zarr.open_array(str(plate / "b1_refined.zarr" / "0"), mode="r")
    np.testing.assert_array_equal(labels.data[0], stored)
    assert not any(isinstance(array, np.ndarray) for array in (image.data, *labels.data))
    assert labels.visible
    assert not labels.editable
    # The same again shows the same layers, and one that was closed is opened anew.
    click_row(qtbot, step, 0)
    assert len(viewer.layers) == 2
    viewer.layers.remove(labels)
    click_row(qtbot, step, 0)
    assert [layer.name for layer in viewer.layers] == ["b1", "b1 refined"]


def test_results_go_into_another_folder_with_what_is_chosen(
    step, session, qtbot, plate, monkeypatch, tmp_path
):
    choose_folder(step, monkeypatch, plate, qtbot)
    out = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    step.many.results.activated.emit(step.many.results.count() - 1)
    step.many.refines.setChecked(False)
    step.many.cleans.setChecked(True)
    step.many.minimum_px.setValue(2000)
    step.many.format_actions["classes"].setChecked(True)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "done"]
    assert {path.name for path in plate.iterdir()} == {"a1.tif", "a2.tif", "a3.tif"}
    # The square, of 32 x 32 pixels, is smaller than that.
    assert len(np.unique(read_labels(out / "a1_predicted.tif"))) == 1
    assert (out / "a3_predicted.classes.csv").exists()
    # What somebody else put there stays.
    (out / "a3_predicted.tif").write_text("mine")
    step.many.cleans.setChecked(False)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "failed"]
    assert "which was changed since it was written" in session.many.table.rows[2].error
    assert (out / "a3_predicted.tif").read_text() == "mine"


def test_objects_are_numbered_in_files_and_in_layers(
    step, viewer, session, qtbot, plate, monkeypatch, two_squares
):
    image = np.tile(two_squares[0], (1, 2))
    for name in ("a1", "a3"):
        tifffile.imwrite(plate / f"{name}.tif", image)
    choose_folder(step, monkeypatch, plate, qtbot)
    step.many.splits.setChecked(True)
    offered = [step.many.object_class.itemText(at) for at in range(step.many.object_class.count())]
    assert offered == ["class 3", "square"]
    step.many.object_class.activated.emit(1)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "done"]
    objects = read_labels(plate / "a1_refined_objects.tif")
    assert objects.max() == 2
    assert (plate / "a1_refined_objects.csv").read_text().count("\n") == 3
    click_row(qtbot, step, 0)
    shown = viewer.layers["a1 instances"]
    np.testing.assert_array_equal(shown.data, objects)
    assert shown.visible
    assert not viewer.layers["a1 refined"].visible
    # One that was closed is opened anew, beside the labels that are there still.
    viewer.layers.remove(shown)
    click_row(qtbot, step, 0)
    assert [one.name for one in viewer.layers] == ["a1", "a1 refined", "a1 instances"]

    step.many.extent.setCurrentIndex(1)
    step.many.extent.activated.emit(1)
    run(qtbot, step)
    assert states(step) == ["done"]
    made = viewer.layers["a1 instances"]
    np.testing.assert_array_equal(made.data, objects)
    assert made.visible
    assert result_of(made, viewer).classes.names == ("square",)
    viewer.layers["a1 instances"].visible = False
    click_row(qtbot, step, 0)
    assert made.visible


def test_all_open_images_get_layers_as_one_does(step, viewer, session, qtbot, two_squares, notes):
    first = viewer.add_image(two_squares[0], name="first", translate=(0, 100))
    viewer.add_image(np.zeros((40, 50, 3), np.uint8), name="colours", rgb=True)
    last = viewer.add_image(two_squares[0][::-1], name="last")
    step.many.extent.setCurrentIndex(1)
    step.many.extent.activated.emit(1)
    run(qtbot, step)
    assert states(step) == ["done", "failed", "done"]
    assert "channel" in session.many.table.rows[1].error
    assert any(note.startswith("2 of 3 done, 1 failed") for note in notes())
    for image in (first, last):
        probabilities = viewer.layers[f"{image.name} probabilities"]
        assert probabilities.data.shape == (2, 64, 64)
        refined = viewer.layers[f"{image.name} refined"]
        np.testing.assert_allclose(refined.translate, image.translate)
        predicted = viewer.layers[f"{image.name} predicted"].data
        assert set(np.unique(predicted)) <= {3, 7}
        # Side by side, both are seen.
        assert refined.visible
    assert session.selection.image is last
    assert session.selection.sources == (viewer.layers["last probabilities"],)
    assert session.results.refined.refined is viewer.layers["last refined"]

    click_row(qtbot, step, 0)
    assert session.selection.image is first
    assert session.selection.sources == (viewer.layers["first probabilities"],)
    assert session.results.refined.refined is viewer.layers["first refined"]

    # What is closed is let go of.
    viewer.layers.remove(last)
    assert states(step) == ["done", "failed", "not done"]
    click_row(qtbot, step, 2)
    assert session.selection.image is first
    assert last not in {row.key for row in session.many.table.rows}

    # As one press each: the same labels, in the same layer.
    together = np.array(viewer.layers["first refined"].data)
    step.many.extent.setCurrentIndex(0)
    step.many.extent.activated.emit(0)
    run(qtbot, step)
    refine_actions.refine(session, CRF, RefinementOptions())
    wait_until_idle(qtbot, session)
    np.testing.assert_array_equal(viewer.layers["first refined"].data, together)
    assert [type(layer) for layer in viewer.layers].count(Image) == 4

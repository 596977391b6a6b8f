"""Layers larger than memory: predicted and refined block by block, what is seen first, on view."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest

from napari_fcn_crf.batch import growing_prediction
from napari_fcn_crf.batch.growing_prediction import BLOCK_PX, GrowingPrediction
from napari_fcn_crf.batch.growing_refinement import GrowingRefinement
from napari_fcn_crf.compute.parent.service import TrainingRequest
from napari_fcn_crf.data.ome_zarr import labels as label_levels
from napari_fcn_crf.data.ome_zarr.growing_pyramid import GrowingPyramid
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.pipeline.blocks import Block
from napari_fcn_crf.pipeline.refinement import refine
from napari_fcn_crf.results.uncertainty import entropy
from napari_fcn_crf.settings import ComputeSettings, CRFSettings, TrainingSettings
from napari_fcn_crf.ui.actions.network_actions import open_model
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer import growing_layers
from napari_fcn_crf.ui.viewer.camera import camera_of
from tests.ui.conftest import click, wait_until_idle
from tests.ui.test_event_loop import Watch

# Strong enough to round the corners of squares that are found without a fault.
CRF = CRFSettings(gaussian_sigma_px=3, gaussian_weight=60, bilateral_sigma_px=8, iterations=3)
SIDE_PX = 128


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """Where the first test leaves a model of two classes, 3 and 7."""
    return tmp_path_factory.mktemp("model") / "squares.keras"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks and levels of little images as of large ones."""
    assert BLOCK_PX % blocks.CHUNK_PX == 0
    monkeypatch.setattr(growing_layers, "LARGE_PX", 10_000)
    monkeypatch.setattr(growing_prediction, "BLOCK_PX", SIDE_PX)
    monkeypatch.setattr(label_levels, "_SMALLEST_LEVEL_PX", 64)
    monkeypatch.setattr(blocks, "CHUNK_PX", SIDE_PX)
    monkeypatch.setattr(blocks, "_REFINED_BYTES", 1 << 23)


@pytest.fixture
def whole(two_squares):
    """Squares, in 2 x 2 blocks, around each of which the network looks at all of it."""
    return np.tile(two_squares[0], (4, 5))[5:205, 9:249].copy()


@pytest.fixture
def steps(viewer, session, panel, qtbot, two_squares, model_path):
    """Predict and Refine, with a model that was trained on a bright square."""
    service = session.runner.service
    if not model_path.exists():
        image, labels = two_squares
        service.configure(ComputeSettings(device="cpu"))
        request = TrainingRequest(TrainingSettings(iterations=30))
        service.train([image], [labels], request, model_path).result(600)
    open_model(session, model_path)
    panel.steps[RefineStep].controls.set_settings(CRF)
    return panel.steps[PredictStep], panel.steps[RefineStep]


class Seen:
    """Notes which blocks are told; at so many, work is held at a gate until it is cancelled."""

    def __init__(self, session, monkeypatch=None, cancel_at: int = 0) -> None:
        self.blocks: list[Block] = []
        self._session, self._cancel_at, self._gate = session, cancel_at, threading.Event()
        if cancel_at:
            self._hold(monkeypatch, GrowingPrediction, "_predicted")
            self._hold(monkeypatch, GrowingRefinement, "_refine")
        session.runner.progressed.connect(self.note)

    def _hold(self, monkeypatch, kind, name) -> None:
        compute = getattr(kind, name)

        def held(growing, *arguments):
            if len(growing.blocks.done) >= self._cancel_at:
                self._gate.wait()
            return compute(growing, *arguments)

        monkeypatch.setattr(kind, name, held)

    def note(self, latest) -> None:
        if isinstance(latest.partial, Block):
            self.blocks.append(latest.partial)
            if len(self.blocks) == self._cancel_at:
                self._session.runner.cancel()
                self._gate.set()

    def end(self) -> list[int]:
        """Stop, and return their numbers."""
        self._session.runner.progressed.disconnect(self.note)
        return [block.number for block in self.blocks]


def test_it_grows_from_what_is_seen_and_goes_on_where_it_was_cancelled(
    viewer, session, steps, qtbot, whole, notes, tmp_path, user_folder, monkeypatch
):
    predict, refine_step = steps
    image = viewer.add_image(da.from_array(whole, chunks=90), name="huge")
    camera = camera_of(viewer)
    camera.center, camera.zoom = (190, 230), 8
    viewer.screenshot(flash=False)  # a window that nobody sees is not drawn otherwise
    watch, seen = Watch(monkeypatch), Seen(session, monkeypatch, cancel_at=1)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    assert seen.end() == [3]
    corner = seen.blocks[0]
    assert (corner.rows, corner.columns) == (slice(128, 200), slice(128, 240))
    assert "1 of 4 blocks of 'huge' are predicted. Predict goes on" in notes()[-1]
    labels, probabilities = viewer.layers["huge predicted"], viewer.layers["huge probabilities"]
    assert labels.visible
    assert not labels.editable
    assert labels.multiscale
    assert probabilities.multiscale
    assert session.selection.sources == (probabilities,)
    level = np.asarray(labels.data[0])
    assert set(np.unique(level[corner.rows, corner.columns])) <= {3, 7}
    assert not level[:SIDE_PX, :SIDE_PX].any()
    # What napari holds of it, which it has read before there was anything.
    assert np.isin(labels._slice.image.raw, (3, 7)).any()
    assert labels._slice.thumbnail.raw[-1, -1] in (3, 7)
    click(qtbot, refine_step.refine_button)
    wait_until_idle(qtbot, session)
    assert "nothing is predicted yet as far around as refining needs" in notes()[-1]
    assert "huge refined" not in viewer.layers

    seen = Seen(session)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    assert sorted(seen.end()) == [0, 1, 2], "what was done is not done again"
    assert [layer.name for layer in viewer.layers] == [
        "huge",
        "huge probabilities",
        "huge predicted",
    ]
    waited = set(watch.seen)
    in_memory = session.runner.service.predict(session.models.model.path, whole).result(600)
    watch.seen = waited  # of this test's own waiting nothing
    found = np.asarray(probabilities.data[0])
    np.testing.assert_allclose(found, in_memory, atol=1e-5)
    expected = np.where(found[1] > found[0], 7, 3)
    np.testing.assert_array_equal(np.asarray(labels.data[0]), expected)
    for step, one in ((1, labels.data[0]), (2, labels.data[1]), (4, labels.data[-1])):
        np.testing.assert_array_equal(np.asarray(one), expected[::step, ::step])
    # Nothing more is to be done: the same again computes nothing.
    seen = Seen(session)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    assert seen.end() == []

    seen = Seen(session, monkeypatch, cancel_at=1)
    click(qtbot, refine_step.refine_button)
    wait_until_idle(qtbot, session)
    started = seen.end()
    assert started == [3]
    assert "1 of 4 blocks of 'huge' are refined" in notes()[-1]
    seen = Seen(session)
    click(qtbot, refine_step.refine_button)
    wait_until_idle(qtbot, session)
    assert sorted(seen.end()) == [0, 1, 2]
    # What is seen is read by napari itself, on the main thread: a few chunks of one level.
    ours = {seen for seen in watch.seen if "/ui/viewer/" not in seen.partition(" < ")[0]}
    assert ours == set()
    refined = viewer.layers["huge refined"]
    marginals = refine(whole, found, CRF, out=tmp_path / "refined.zarr")[...]
    by_function = np.where(marginals[1] > marginals[0], 7, 3)
    np.testing.assert_array_equal(np.asarray(refined.data[0]), by_function)
    assert (by_function != expected).any()
    assert refined.visible
    assert not labels.visible
    kept = session.results.refined
    assert kept.changed == pytest.approx((np.asarray(refined.data[0]) != expected).mean())
    refine_step.compare.toggle()
    assert labels.visible
    assert not refined.visible

    folders = list((user_folder / "growing").glob("*/*"))
    assert len(folders) == 2
    viewer.layers.remove(refined)
    qtbot.waitUntil(lambda: sum(folder.exists() for folder in folders) == 1)
    viewer.layers.remove(image)
    viewer.layers.remove(labels)
    viewer.layers.remove(probabilities)
    qtbot.waitUntil(lambda: not any(folder.exists() for folder in folders))


def test_what_is_painted_stays_and_what_needs_memory_is_refused(
    viewer, session, steps, qtbot, whole, notes
):
    predict, refine_step = steps
    levels = [da.from_array(whole, chunks=90), da.from_array(whole[::2, ::2], chunks=90)]
    viewer.add_image(levels, multiscale=True, name="huge")
    strokes = np.zeros(whole.shape, np.uint8)
    strokes[100:110, 100:160] = 7
    strokes[180:185, 20:60] = 3
    viewer.add_labels(strokes, name="strokes")
    for button in (predict.predict_button, refine_step.refine_button):
        click(qtbot, button)
        wait_until_idle(qtbot, session)
    refined = np.asarray(viewer.layers["huge refined"].data[0])
    painted = strokes != 0
    np.testing.assert_array_equal(refined[painted], strokes[painted])
    predicted = np.asarray(viewer.layers["huge predicted"].data[0])
    assert (predicted[painted] != strokes[painted]).any()
    refine_step.tune_button.button.click()
    wait_until_idle(qtbot, session)
    assert "is too large to be held in memory at once" in notes()[-1]


def test_uncertainty_is_computed_where_it_is_looked_at(
    viewer, session, steps, qtbot, whole, notes, monkeypatch
):
    predict, refine_step = steps
    image = viewer.add_image(da.from_array(whole, chunks=90), name="huge")
    camera_of(viewer).center = (190, 230)
    viewer.screenshot(flash=False)
    seen = Seen(session, monkeypatch, cancel_at=1)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    seen.end()
    refine_step.uncertainty.show_button.click()
    shown = viewer.layers["huge uncertainty"]
    assert shown.visible
    assert shown.multiscale
    assert not viewer.layers["huge predicted"].visible
    before = np.asarray(shown.data[0])
    # Nothing is unsure where nothing is predicted yet.
    assert not before[:SIDE_PX, :SIDE_PX].any()
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    probabilities = viewer.layers["huge probabilities"]
    for level, of in zip(shown.data, probabilities.data, strict=True):
        np.testing.assert_allclose(np.asarray(level), entropy(np.asarray(of)), atol=1e-6)
    assert np.asarray(shown.data[0])[:SIDE_PX, :SIDE_PX].any()
    # It is drawn anew with what grows, and what it is read from is kept for it.
    assert session.growing.of(shown) is session.growing.of(probabilities)
    # Pressed again, there is still one.
    refine_step.uncertainty.show_button.click()
    assert [one.name for one in viewer.layers].count("huge uncertainty") == 1
    refine_step.uncertainty.go_button.click()
    wait_until_idle(qtbot, session)
    assert "Press Show uncertainty, and look where it is bright" in notes()[-1]
    assert image.visible


def test_a_full_disk_and_one_that_is_closed_meanwhile(
    viewer, session, steps, qtbot, whole, notes, monkeypatch
):
    predict, _ = steps
    image = viewer.add_image(da.from_array(whole, chunks=90), name="huge")
    write, written = GrowingPyramid.write, []

    def full(self, *arguments) -> None:
        # Of the first block, there was room for both.
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(1)
        write(self, *arguments)

    with monkeypatch.context() as context:
        context.setattr(GrowingPyramid, "write", full)
        click(qtbot, predict.predict_button)
        wait_until_idle(qtbot, session)
    assert "could not be written (No space left on device). Free some space" in notes()[-1]
    # What is done is there, and gone on with.
    assert np.asarray(viewer.layers["huge predicted"].data[0]).any()

    def close(latest) -> None:
        if isinstance(latest.partial, Block) and image in viewer.layers:
            viewer.layers.remove(image)

    session.runner.progressed.connect(close)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    session.runner.progressed.disconnect(close)
    assert "'huge' was closed" in notes()[-1]


def test_this_slice_alone_and_then_another(viewer, session, steps, qtbot, two_squares, notes):
    predict, refine_step = steps
    one = two_squares[0]
    stack = np.stack([one, one[::-1], one.T, one[:, ::-1]])
    image = viewer.add_image(stack, name="stack")
    qtbot.waitUntil(lambda: predict.many.extent.count() == 4)
    row = predict.many.extent.findData("slice")
    predict.many.extent.setCurrentIndex(row)
    predict.many.extent.activated.emit(row)
    for plane in (1, 3):
        viewer.dims.set_point(viewer.dims.ndim - 3, plane)
        click(qtbot, predict.predict_button)
        wait_until_idle(qtbot, session)
    labels = viewer.layers["stack predicted"]
    whole = session.runner.service.predict(session.models.model.path, stack).result(600)
    expected = np.where(whole[1] > whole[0], 7, 3)
    expected[[0, 2]] = 0
    np.testing.assert_array_equal(np.asarray(labels.data), expected)
    assert labels.visible
    refine_step.uncertainty.show_button.click()
    unsure = np.asarray(viewer.layers["stack uncertainty"].data)
    np.testing.assert_allclose(unsure[[1, 3]], entropy(whole)[[1, 3]], atol=1e-5)
    assert not unsure[[0, 2]].any()
    viewer.layers.remove("stack uncertainty")
    with pytest.raises(ValueError, match="Not all of 'stack' is predicted yet"):
        gather(session, RefinementOptions()).whole()
    click(qtbot, refine_step.refine_button)
    wait_until_idle(qtbot, session)
    refined = np.asarray(viewer.layers["stack refined"].data)
    assert [plane.any() for plane in refined] == [False, True, False, True]
    marginals = refine(stack[1], whole[:, 1], CRF)
    np.testing.assert_array_equal(refined[1], np.where(marginals[1] > marginals[0], 7, 3))
    # All slices are a prediction as any other, which takes the place of this one.
    predict.many.extent.setCurrentIndex(0)
    predict.many.extent.activated.emit(0)
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    labels = viewer.layers["stack predicted"]
    assert isinstance(labels.data, np.ndarray)
    assert labels.editable
    np.testing.assert_array_equal(labels.data, np.where(whole[1] > whole[0], 7, 3))
    names = [layer.name for layer in viewer.layers]
    assert names == ["stack", "stack probabilities", "stack predicted", "stack refined (earlier)"]
    # Of a plane there is no choice, and what was chosen for a stack is the whole of it.
    predict.many.extent.setCurrentIndex(row)
    predict.many.extent.activated.emit(row)
    plane = viewer.add_image(one, name="plane")
    session.selection.choose_image(plane)
    qtbot.waitUntil(lambda: predict.many.extent.count() == 3)
    assert predict.many.extent.currentData() == "image"
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    assert viewer.layers["plane predicted"].data.shape == one.shape
    assert image in viewer.layers

"""Live with a real mouse: what is on the screen follows the strokes, and is what Segment gives."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.live import follower
from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from tests.ui.conftest import click, compute_processes, press, wait_until_idle
from tests.ui.live_person import PATIENCE_MS, LivePerson

pytestmark = pytest.mark.own_window


def _kinds(viewer):
    return [our_metadata(layer).get("kind", layer.name) for layer in viewer.layers if layer.visible]


@pytest.fixture
def person(viewer, panel, session, two_squares, qtbot) -> LivePerson:
    return LivePerson(viewer, panel, session, two_squares[0], qtbot)


def test_labels_follow_the_brush(viewer, panel, session, person, qtbot, monkeypatch, tmp_path):
    saved = tmp_path / "strokes.keras"
    person.makes_labels()
    press(viewer, "Shift-F")
    assert session.live.is_on
    assert person.step.live_box.isChecked()
    person.waits_for_strokes()
    train = panel.steps[TrainStep].train_button
    person.stroke(1, (6, 6), (6, 56))
    qtbot.waitUntil(lambda: "another class" in person.step.status.text(), timeout=PATIENCE_MS)
    person.stroke(2, (30, 24), (30, 40))
    first = person.wait()
    assert (first[24:40, 24:40] == 2).all()
    assert (first[:10] == 1).all()
    qtbot.waitUntil(lambda: session.live.place is not None)
    # What is to be done next is to paint.
    qtbot.waitUntil(train.button.isEnabled)
    assert not train.is_next
    assert not train.button.styleSheet()
    assert _kinds(viewer) == ["squares", "live", "squares labels", "place"]
    assert viewer.layers.selection.active is person.strokes
    assert person.strokes.mode == "paint"
    assert not person.live.editable
    assert person.live.opacity == 0.5
    np.testing.assert_array_equal(person.live.get_color(2), person.strokes.get_color(2))
    # With the time since the stroke, unless features were still being computed then.
    assert re.fullmatch(r"Live: 2 classes(, [\d.]+ m?s)?", person.step.status.text())

    # A stroke that says otherwise, undone, done again; the layer stays the same.
    layer = person.live
    person.stroke(1, (20, 20), (44, 44))
    changed = person.wait()
    assert not np.array_equal(changed, first)
    assert re.fullmatch(r"Live: 2 classes, [\d.]+ m?s", person.step.status.text())
    person.strokes.undo()
    np.testing.assert_array_equal(person.wait(), first)
    person.strokes.redo()
    np.testing.assert_array_equal(person.wait(), changed)
    assert person.live is layer
    person.stroke(0, (20, 20), (44, 44), size=7, mode="erase")
    person.stroke(2, (30, 24), (30, 40))
    person.wait()

    # A class more, and less again.
    person.stroke(3, (58, 6), (58, 56))
    assert set(np.unique(person.wait())) == {1, 2, 3}
    person.stroke(0, (58, 4), (58, 58), size=9, mode="erase")
    before = person.wait()
    assert set(np.unique(before)) == {1, 2}

    # Zoom and pan; nothing is lost on the way.
    camera = camera_of(viewer)
    camera.zoom *= 2
    camera.center = (0, 20, 20)
    np.testing.assert_array_equal(person.wait(), before)
    person.stroke(1, (12, 6), (12, 12))
    person.wait()
    viewer.reset_view()
    on_screen = person.wait()

    # The next stroke is outlined, and a key goes there.
    qtbot.waitUntil(lambda: session.live.place is not None)
    outline = viewer.layers["squares look here"].data[0]
    assert outline[:, -2:].mean(axis=0).tolist() == list(session.live.place)
    camera.center = (0, 500, 500)
    press(viewer, "Shift-N")
    np.testing.assert_allclose(camera.center[-2:], session.live.place, atol=1)
    viewer.reset_view()
    person.wait()

    # What is saved is the model of the strokes there are now.
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    click(qtbot, panel.steps[PredictStep].save_button)
    wait_until_idle(qtbot, session)
    assert read_card(saved).class_values == (1, 2)
    assert session.live.is_on
    assert "live" in _kinds(viewer)

    # The compute process may die: what it gave is here.
    killed = compute_processes()
    assert killed
    for process in killed:
        process.kill()
    person.stroke(2, (34, 24), (34, 40))
    on_screen = person.wait()

    # It is what Segment gives on the same strokes.
    click(qtbot, person.step.segment_button)
    wait_until_idle(qtbot, session)
    refined = viewer.layers["squares refined"]
    np.testing.assert_array_equal(refined.data, on_screen)
    assert _kinds(viewer) == ["squares", "refined", "squares labels"]
    assert session.models.model.card.losses == ()

    # A stroke brings it on top again; switched off, it becomes refined labels, and a model.
    person.stroke(1, (50, 6), (50, 56))
    on_screen = person.wait()
    qtbot.waitUntil(lambda: "live" in _kinds(viewer))
    assert "refined" not in _kinds(viewer)
    model = session.models.model
    person.switch(False)
    wait_until_idle(qtbot, session)
    assert person.live is None
    assert _kinds(viewer) == ["squares", "refined", "squares labels"]
    np.testing.assert_array_equal(viewer.layers["squares refined"].data, on_screen)
    record = our_metadata(viewer.layers["squares refined"])["record"]
    assert record["live"] is True
    assert session.results.refined is not None
    assert session.models.model.path != model.path
    assert read_card(session.models.model.path).class_values == (1, 2)


def _go_to(viewer, plane):
    # Beside probabilities, which have an axis more, it is not the first.
    viewer.dims.set_point(viewer.dims.ndim - 3, plane)


@pytest.mark.long
def test_slices_images_and_what_ends_it(viewer, panel, session, person, two_squares, qtbot):
    image, labels = two_squares
    stack = np.stack([image, image[::-1], 255 - image])
    viewer.layers.clear()
    viewer.add_image(stack, name="stack", contrast_limits=(0, 255))
    _go_to(viewer, 0)
    person.makes_labels()
    person.switch(True)
    person.stroke(1, (6, 6), (6, 56))
    # The other class is painted on another slice, and counts here.
    _go_to(viewer, 1)
    person.stroke(2, (30, 24), (30, 40))
    there = person.wait()
    assert (there[1, 24:40, 24:40] == 2).all()
    _go_to(viewer, 0)
    both = person.wait()
    assert (both[0, 24:40, 24:40] == 2).all()
    assert (both[0, :10] == 1).all()
    np.testing.assert_array_equal(both[1], there[1])
    assert not both[2].any()
    # Where rows and columns are not seen, it says so, and goes on when they are.
    viewer.dims.order = (1, 0, 2)
    qtbot.waitUntil(lambda: "rows and columns" in person.step.status.text())
    viewer.dims.order = (0, 1, 2)
    np.testing.assert_array_equal(person.wait(), both)

    # All slices are seen, so that there is a stack of refined labels; it is what Segment gives.
    _go_to(viewer, 2)
    everything = person.wait()
    person.switch(False)
    wait_until_idle(qtbot, session)
    np.testing.assert_array_equal(viewer.layers["stack refined"].data, everything)
    click(qtbot, person.step.segment_button)
    wait_until_idle(qtbot, session)
    np.testing.assert_array_equal(viewer.layers["stack refined"].data, everything)

    # Another image, and back.
    person.switch(True)
    _go_to(viewer, 0)
    person.wait()
    other = viewer.add_image(255 - image, name="other", contrast_limits=(0, 255))
    strokes = viewer.add_labels(labels, name="other strokes")
    session.selection.choose_image(other)
    session.selection.choose_annotation(strokes)
    qtbot.waitUntil(lambda: person.live is not None and person.live.name == "other live")
    assert set(np.unique(person.wait())) == {3, 7}
    session.selection.choose_image(viewer.layers["stack"])
    session.selection.choose_annotation(viewer.layers["stack labels"])
    qtbot.waitUntil(lambda: person.live is not None and person.live.name == "stack live")
    np.testing.assert_array_equal(person.wait()[0], everything[0])

    # The strokes of a second image count as well.
    session.pairs.add(other, strokes)
    qtbot.waitUntil(lambda: "4 classes" in person.step.status.text(), timeout=PATIENCE_MS)
    session.pairs.remove(0)
    qtbot.waitUntil(lambda: "2 classes" in person.step.status.text(), timeout=PATIENCE_MS)

    # Other pixels of the same layer, and then none.
    viewer.layers["stack"].data = np.roll(stack, 9, axis=2)
    qtbot.waitUntil(lambda: session.live.is_complete, timeout=PATIENCE_MS)
    assert not np.array_equal(person.wait()[0], everything[0])
    viewer.layers.remove("stack")
    qtbot.waitUntil(lambda: person.live is None or person.live.name != "stack live")


def test_a_dock_that_is_closed_during_an_update_ends_it(viewer, panel, session, person, qtbot):
    person.makes_labels()
    person.switch(True)
    person.stroke(1, (6, 6), (6, 56))
    person.stroke(2, (30, 24), (30, 40))
    person.wait()
    person.stroke(1, (50, 6), (50, 56))
    viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: not session.live.is_on)
    wait_until_idle(qtbot, session)
    assert person.live is None
    assert not [thread for thread in threading.enumerate() if thread.name == "fcn-crf live"]
    assert "squares refined" in viewer.layers


def test_pairs_in_files_do_not_count_and_that_is_said(session, person, tmp_path, qtbot):
    session.pairs.add_files([PairFiles(tmp_path / "a.png", tmp_path / "a_labels.png")])
    person.switch(True)
    qtbot.waitUntil(lambda: "Of pairs in files Live knows nothing" in person.step.status.text())
    session.pairs.remove(0)
    qtbot.waitUntil(lambda: "pairs in files" not in person.step.status.text())
    person.switch(False)
    person.stops()


def test_networks_that_are_not_solved_at_every_pixel_say_so(viewer, panel, session, person, notes):
    viewer.add_labels(np.zeros((64, 64), np.uint8), name="strokes")
    session.choices.choose_training(architecture="fcn8s")
    person.switch(True)
    person.stops()
    (said,) = [note for note in notes() if "follow the brush" in note]
    assert "Choose Hypercolumn" in said
    assert person.step.status.text() == said
    assert not person.step.live_box.isChecked()


def test_what_is_seen_of_a_large_image_is_followed(
    viewer, panel, session, person, two_squares, qtbot, monkeypatch
):
    """One whose features are more than is kept, in another place than the origin."""
    monkeypatch.setattr(follower, "BUDGET_BYTES", 400 * 400 * follower.BYTES_OF_PIXEL)
    monkeypatch.setattr(follower, "LARGEST_WINDOW_PX", 300 * 300)
    viewer.layers.clear()
    image = np.tile(two_squares[0], (8, 8))
    place = {"scale": (2, 2), "translate": (100, -50)}
    layer = viewer.add_image(image, name="large", contrast_limits=(0, 255), **place)
    person.makes_labels()
    viewer.reset_view()
    person.switch(True)
    qtbot.waitUntil(lambda: "Zoom in" in person.step.status.text(), timeout=PATIENCE_MS)
    camera = camera_of(viewer)
    camera.center = (0, *layer.data_to_world((256, 256)))
    camera.zoom = 3
    qtbot.wait(50)
    person.stroke(1, (260, 240), (260, 280))
    person.stroke(2, (286, 280), (286, 296))
    qtbot.waitUntil(lambda: person.live is not None, timeout=PATIENCE_MS)

    def label_at(pixel):
        return person.live.get_value(layer.data_to_world(pixel), world=True)

    qtbot.waitUntil(lambda: label_at((286, 290)) == 2, timeout=PATIENCE_MS)
    assert label_at((260, 260)) == 1
    # The middle of the next square and what lies between squares.
    assert label_at((286, 226)) == 2
    assert label_at((260, 226)) == 1
    assert person.live.data.size < image.size
    assert not person.live.editable
    person.stroke(3, (250, 256), (275, 256))
    qtbot.waitUntil(lambda: label_at((262, 256)) == 3, timeout=PATIENCE_MS)
    # Elsewhere, where nothing is painted.
    camera.center = (0, *layer.data_to_world((128, 128)))
    qtbot.waitUntil(lambda: label_at((158, 162)) == 2, timeout=PATIENCE_MS)
    assert label_at((132, 128)) in (1, 3)
    person.switch(False)
    assert person.live is None


def test_segment_is_cancelled_as_one(viewer, panel, session, person, two_squares, qtbot, notes):
    viewer.add_labels(two_squares[1], name="strokes")
    qtbot.waitUntil(person.step.segment_button.button.isEnabled)
    kinds = []
    session.runner.changed.connect(
        lambda: kinds.append(session.runner.activity and session.runner.activity.kind)
    )
    person.step.segment_button.button.click()
    assert person.step.segment_button.button.text() == "Cancel"
    session.runner.cancel()
    wait_until_idle(qtbot, session)
    assert not {"predicted", "refined"} & set(_kinds(viewer))
    kinds.clear()
    click(qtbot, person.step.segment_button)
    wait_until_idle(qtbot, session)
    assert set(kinds) == {"segment", None}
    assert _kinds(viewer) == ["squares", "refined", "strokes"]

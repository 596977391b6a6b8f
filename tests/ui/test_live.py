"""Live with a real mouse: what is on the screen follows the strokes, and is what Segment gives."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.segment import SegmentStep
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.live_layer import is_live
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from tests.ui.conftest import click, compute_processes, press, wait_until_idle
from tests.ui.mouse import drag

PATIENCE_MS = 120_000


def _kinds(viewer):
    return [our_metadata(layer).get("kind", layer.name) for layer in viewer.layers if layer.visible]


@pytest.fixture
def person(viewer, panel, session, two_squares, qtbot):
    """What a person does: paint, and look."""
    window = viewer.window._qt_window
    window.resize(1200, 900)
    window.show()
    image, _ = two_squares
    viewer.add_image(image, name="squares", contrast_limits=(0, 255))
    qtbot.wait(100)

    class Person:
        step = panel.steps[SegmentStep]
        refine = panel.steps[RefineStep]

        @property
        def strokes(self) -> Labels:
            return session.selection.annotation

        @property
        def live(self) -> Labels | None:
            found = [layer for layer in viewer.layers if is_live(layer)]
            assert len(found) < 2
            return found[0] if found else None

        def switch(self, wanted: bool) -> None:
            assert self.step.live_box.isChecked() != wanted
            self.step.live_box.click()

        def stroke(self, label, start, end, size=3, mode="paint") -> None:
            self.strokes.selected_label, self.strokes.brush_size = label, size
            self.strokes.mode = mode
            before = self.strokes.data.copy()
            drag(viewer, qtbot, start, end, self.strokes)
            assert not np.array_equal(before, self.strokes.data)

        def wait(self) -> np.ndarray:
            qtbot.wait(20)
            qtbot.waitUntil(lambda: session.live.is_complete, timeout=PATIENCE_MS)
            return self.live.data.copy()

        def waits_for_strokes(self) -> None:
            qtbot.waitUntil(
                lambda: "Paint strokes of" in self.step.status.text(), timeout=PATIENCE_MS
            )
            qtbot.waitUntil(lambda: self.live is None, timeout=PATIENCE_MS)

    return Person()


def _new_labels(panel, qtbot):
    from napari_fcn_crf.ui.steps.annotate import AnnotateStep

    click(qtbot, panel.steps[AnnotateStep].new_labels_button)


def test_labels_follow_the_brush(viewer, panel, session, person, qtbot):
    _new_labels(panel, qtbot)
    press(viewer, "Shift-F")
    assert session.live.is_on
    assert person.step.live_box.isChecked()
    person.waits_for_strokes()
    person.stroke(1, (6, 6), (6, 56))
    qtbot.waitUntil(lambda: "another class" in person.step.status.text(), timeout=PATIENCE_MS)
    person.stroke(2, (30, 24), (30, 40))
    first = person.wait()
    assert (first[24:40, 24:40] == 2).all()
    assert (first[:10] == 1).all()
    assert _kinds(viewer) == ["squares", "live", "squares labels", "place"]
    assert viewer.layers.selection.active is person.strokes
    assert person.strokes.mode == "paint"
    assert not person.live.editable
    assert person.live.opacity == 0.5
    np.testing.assert_array_equal(person.live.get_color(2), person.strokes.get_color(2))
    assert person.step.status.text().startswith("Live: 2 classes, ")

    # A stroke that says otherwise, undone, done again; the layer stays the same.
    layer = person.live
    person.stroke(1, (20, 20), (44, 44))
    changed = person.wait()
    assert not np.array_equal(changed, first)
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
    outline = viewer.layers["squares look here"].data[0]
    assert outline[:, -2:].mean(axis=0).tolist() == list(session.live.place)
    camera.center = (0, 500, 500)
    press(viewer, "Shift-N")
    np.testing.assert_allclose(camera.center[-2:], session.live.place, atol=1)
    viewer.reset_view()
    person.wait()

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

"""What is on the screen after each button, by its pixels: `AFTER`, looked at."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_fcn_crf.data import samples
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer.arrangement import AFTER, ANNOTATION, RESULTS
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from tests.ui.canvas import Seen, inner
from tests.ui.conftest import click, wait_until_idle
from tests.ui.mouse import drag

pytestmark = pytest.mark.own_window

CLOSE = 0.03
"""Of one: a canvas has 255 steps, and its pixels are seldom an image's."""


def _sliders(viewer):
    """What the sliders below the canvas are called."""
    dims = viewer.window._qt_viewer.dims
    shown = zip(dims.slider_widgets, dims._displayed_sliders, strict=True)
    return [slider.axis_label.text() for slider, is_shown in shown if is_shown]


def _kinds(viewer):
    return [our_metadata(layer).get("kind", layer.name) for layer in viewer.layers if layer.visible]


def _is_over(seen, base, colour, opacity, where):
    """Whether a colour lies on what was there before, as transparent as it is said to be."""
    expected = (1 - opacity) * base.colours + opacity * np.asarray(colour)[:3]
    return np.nanmean(np.abs(seen.colours - expected)[where]) < CLOSE


def _shows_classes(seen, base, layer, annotation, plane=()):
    """Whether a result is seen in the annotation's colours, with the image behind it."""
    labels, strokes = layer.data[plane], annotation.data[plane]
    for value in np.unique(labels):
        where = inner((labels == value) & (strokes == 0) & np.isfinite(base.colours[..., 0]))
        assert where.sum() > 50
        assert _is_over(seen, base, annotation.get_color(value), 0.5, where), value
        gray, behind = seen.colours[where].mean(axis=1), base.colours[where].mean(axis=1)
        if behind.std() > CLOSE:
            assert np.corrcoef(gray, behind)[0, 1] > 0.9


@pytest.fixture
def person(viewer, panel, session, qtbot):
    """What a person does: press a button, and look."""
    viewer.window._qt_window.resize(900, 700)
    viewer.window._qt_window.show()
    qtbot.wait(100)

    class Person:
        annotate, train, predict, refine = (
            panel.steps[step] for step in (AnnotateStep, TrainStep, PredictStep, RefineStep)
        )

        def press(self, button):
            click(qtbot, button)
            wait_until_idle(qtbot, session)

    return Person()


def test_the_image_is_seen_through_the_classes_colours(viewer, person, session, qtbot):
    image = viewer.add_image(samples.load("cat")[::2, ::2], name="cat")
    annotation = viewer.add_labels(
        samples.load("cat_scribbles")[::2, ::2], name="strokes", opacity=0.6
    )
    person.train.controls.iterations.value = 40
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)

    # While it trains, what it would predict now is seen as a prediction is.
    while_training = []
    viewer.layers.events.inserted.connect(
        lambda: QTimer.singleShot(0, lambda: while_training.append(_kinds(viewer)))
    )
    person.press(person.train.train_button)
    assert while_training[0] == ["cat", "preview", "strokes"]
    assert _kinds(viewer) == ["cat", "strokes"]

    # A detail that somebody looks at stays on the screen, whatever comes.
    camera = camera_of(viewer)
    camera.zoom *= 1.25
    qtbot.wait(50)
    annotation.visible = False
    base = Seen(viewer, image)
    annotation.visible = True
    looked_at = camera.center, camera.zoom
    person.press(person.predict.predict_button)
    assert (camera.center, camera.zoom) == looked_at
    assert _kinds(viewer) == ["cat", "predicted", "strokes"]
    _shows_classes(Seen(viewer, image), base, viewer.layers["cat predicted"], annotation)
    assert viewer.layers.selection.active is annotation

    # No slider for what nobody sees.
    assert _sliders(viewer) == []
    viewer.layers["cat probabilities"].visible = True
    assert _sliders(viewer) == ["class"]
    viewer.layers["cat probabilities"].visible = False
    assert _sliders(viewer) == []
    person.press(person.refine.refine_button)
    assert _kinds(viewer) == ["cat", "refined", "strokes"]
    refined = viewer.layers["cat refined"]
    _shows_classes(Seen(viewer, image), base, refined, annotation)
    assert viewer.layers.selection.active is annotation

    _a_stroke_is_seen(viewer, qtbot, image, annotation, base)
    _what_is_asked_for_is_on_top(viewer, person, image, annotation, base)
    _a_choice_is_kept(viewer, person, refined)


def _a_stroke_is_seen(viewer, qtbot, image, annotation, base):
    annotation.mode, annotation.brush_size, annotation.selected_label = "paint", 8, 1
    before, painted = Seen(viewer, image), annotation.data.copy()
    drag(viewer, qtbot, (45, 100), (45, 135))
    new = inner((annotation.data != painted) & (annotation.data == 1))
    assert new.sum() > 50
    assert _is_over(Seen(viewer, image), before, annotation.get_color(1), 0.6, new)


def _what_is_asked_for_is_on_top(viewer, person, image, annotation, base):
    refine = person.refine
    person.press(refine.compare.toggle_button)
    assert _kinds(viewer) == ["cat", "predicted", "strokes"]
    person.press(refine.compare.toggle_button)
    assert _kinds(viewer) == ["cat", "refined", "strokes"]
    shown = Seen(viewer, image)
    refine.compare.changed_box.click()
    changed = viewer.layers["cat changed"]
    assert _kinds(viewer) == ["cat", "refined", "changed", "strokes"]
    where = (changed.data == 1) & (annotation.data == 0)
    assert _is_over(Seen(viewer, image), shown, (1, 1, 0), 1, inner(where, 1))
    refine.compare.changed_box.click()

    person.press(refine.uncertainty.show_button)
    assert _kinds(viewer) == ["cat", "uncertainty", "strokes"]
    seen, entropy = Seen(viewer, image), viewer.layers["cat uncertainty"].data
    free = (annotation.data == 0) & np.isfinite(base.colours[..., 0])
    # Where the prediction is sure the image is as it was, and where it is not it is bright.
    assert np.abs(seen.colours - base.colours)[inner((entropy < 0.02) & free)].mean() < CLOSE
    unsure = (entropy > 0.9) & free
    assert (seen.colours - base.colours)[unsure].mean() > 0.15
    assert viewer.layers.selection.active is annotation

    person.press(refine.refine_button)
    person.press(refine.cleanup.remove_button)
    assert _kinds(viewer) == ["cat", "cleaned", "strokes"]
    cleaned = viewer.layers["cat cleaned"]
    _shows_classes(Seen(viewer, image), base, cleaned, annotation)
    assert viewer.layers.selection.active is cleaned
    person.press(refine.cleanup.split_button)
    assert _kinds(viewer) == ["cat", "instances", "strokes"]
    person.press(refine.refine_button)
    assert _kinds(viewer) == ["cat", "refined", "strokes"]


def _a_choice_is_kept(viewer, person, refined):
    """What somebody set for a result, or hid of their own, is as it was when it is renewed."""
    refined.opacity, refined.contour = 0.8, 2
    viewer.layers["strokes"].visible = False
    person.press(person.refine.refine_button)
    assert viewer.layers["cat refined"] is refined
    assert (refined.opacity, refined.contour) == (0.8, 2)
    assert _kinds(viewer) == ["cat", "refined"]
    viewer.layers.remove("cat cleaned (earlier)")
    person.press(person.refine.cleanup.remove_button)
    cleaned = viewer.layers["cat cleaned"]
    assert (cleaned.opacity, cleaned.contour) == (0.8, 2)


@pytest.mark.long
def test_a_stack_of_16_bits_elsewhere_in_the_world(viewer, person, session, qtbot, two_squares):
    plane, strokes = two_squares
    stack = np.stack([plane, plane[::-1], plane[:, ::-1]]).astype(np.uint16) * 200
    place = {"scale": (2, 0.5, 0.4), "translate": (5, 10, 20)}
    image = viewer.add_image(stack, name="stack", **place)
    viewer.dims.set_point(0, 5)
    viewer.reset_view()
    qtbot.wait(100)
    base = Seen(viewer, image, (0,))
    person.annotate.new_labels_button.click()
    annotation = viewer.layers["stack labels"]
    assert viewer.layers.selection.active is annotation
    assert annotation.mode == "paint"
    annotation.data[0] = strokes
    annotation.refresh()
    annotation.events.paint(value=[])  # as a stroke would tell
    person.train.controls.iterations.value = 40
    person.press(person.train.train_button)
    person.press(person.predict.predict_button)
    assert _kinds(viewer) == ["stack", "predicted", "stack labels"]
    _shows_classes(
        Seen(viewer, image, (0,)), base, viewer.layers["stack predicted"], annotation, (0,)
    )
    person.press(person.refine.refine_button)
    assert _kinds(viewer) == ["stack", "refined", "stack labels"]
    _shows_classes(
        Seen(viewer, image, (0,)), base, viewer.layers["stack refined"], annotation, (0,)
    )
    assert viewer.layers.selection.active is annotation

    assert len(_sliders(viewer)) == 1
    _uncertainty_is_seen_in_3d(viewer, person, qtbot, stack)

    # A full annotation would lie on the result, and is hidden where one is shown.
    session.meaning.choose_mode("mask")
    person.press(person.refine.refine_button)
    assert _kinds(viewer) == ["stack", "refined"]
    # Its outlines do not, and stay.
    outlines = person.refine.own_labels
    qtbot.waitUntil(outlines.isVisible)
    outlines.click()
    assert _kinds(viewer) == ["stack", "refined", "stack labels"]
    person.press(person.refine.refine_button)
    assert _kinds(viewer) == ["stack", "refined", "stack labels"]
    outlines.click()
    assert _kinds(viewer) == ["stack", "refined"]

    # Another image over it is not what was asked for, nor are results of another.
    other = viewer.add_image(stack, name="other", **place)
    session.selection.choose_image(image)
    person.press(person.refine.refine_button)
    assert _kinds(viewer) == ["stack", "refined"]
    assert not other.visible


def _uncertainty_is_seen_in_3d(viewer, person, qtbot, stack):
    """Where the prediction is sure the volume is seen as it was, not white."""
    viewer.dims.ndisplay = 3
    person.press(person.refine.uncertainty.show_button)
    assert _kinds(viewer) == ["stack", "uncertainty", "stack labels"]
    uncertainty = viewer.layers["stack uncertainty"]
    viewer.layers["stack labels"].visible = False
    seen = viewer.screenshot(flash=False)[..., :3].astype(float)
    uncertainty.visible = False
    base = viewer.screenshot(flash=False)[..., :3].astype(float)
    uncertainty.visible = True
    viewer.layers["stack labels"].visible = True
    volume = base.sum(axis=2) > 0
    assert volume.mean() > 0.05
    assert (seen[volume].min(axis=1) > 240).mean() < 0.1
    assert np.corrcoef(seen[volume].mean(axis=1), base[volume].mean(axis=1))[0, 1] > 0.3
    viewer.dims.ndisplay = 2


def test_every_kind_of_result_is_seen_or_hidden():
    """Each step says of every result what becomes of it, but for those that only add a mark."""
    for step, after in AFTER.items():
        assert not set(after.shows) & set(after.hides)
        if step not in ("new labels", "changes", "most uncertain"):
            assert set(RESULTS) <= {*after.shows, *after.hides}
        assert after.selects in (None, ANNOTATION, *after.shows)

"""The sample cat, from its strokes to refined labels, and to where the next stroke helps most.

`scripts/screenshots.py` makes the pages' pictures of these walks.
"""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from napari_fcn_crf.data import samples
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.segment import SegmentStep
from napari_fcn_crf.ui.steps.train import TrainStep

CAT, BACKGROUND = (150, 225), (285, 345)


def test_cat(person):
    viewer = person.viewer
    person.opens_sample("cat_scribbles")
    image, strokes = viewer.layers["cat"], viewer.layers["cat scribbles"]
    person.reads("Ready: 2 classes")
    person.looks("annotate")

    # Steps, whose loss there is to see.
    person.step(TrainStep).controls.iterations.value = 100
    person.trains()
    person.looks("train")
    person.predicts()
    person.looks("predict")
    person.sees_image(image, (100, 150), (200, 300))
    person.sees_classes(viewer.layers["cat predicted"], strokes, CAT, BACKGROUND)

    refined = person.refines()
    person.looks("refine")
    person.sees_image(image, (100, 150), (200, 300))
    person.sees_classes(refined, strokes, CAT, BACKGROUND)
    truth = samples.load("cat_annotation")
    assert ((refined.data == 1) == (truth == 0)).mean() > 0.85
    step = person.step(RefineStep)
    assert "cat: " in step.compare.text.text()

    # Before and after, by one key, while the annotation is selected.
    shift = Qt.KeyboardModifier.ShiftModifier
    person.presses(Qt.Key.Key_B, shift)
    person.waits_for(lambda: not refined.visible)
    person.sees_classes(viewer.layers["cat predicted"], strokes, CAT)
    person.looks("before", canvas_only=True)
    person.presses(Qt.Key.Key_B, shift)
    person.waits_for(lambda: refined.visible)
    person.looks("after", canvas_only=True)
    person.clicks(step.compare.changed_box)
    person.waits_for(lambda: "cat changed" in viewer.layers)
    person.looks("changes", canvas_only=True)
    person.clicks(step.compare.changed_box)

    # Where the next stroke helps most.
    person.opens_section("Uncertainty")
    person.clicks(step.uncertainty.show_button)
    person.waits_for(lambda: "cat uncertainty" in viewer.layers)
    person.waits_for(lambda: person.session.runner.activity is None)
    person.looks("uncertainty", canvas_only=True)
    zoom = person.zoom()
    person.presses(Qt.Key.Key_N, shift)
    person.waits_for(lambda: person.zoom() > zoom)
    person.waits_for(lambda: person.session.runner.activity is None)
    person.looks("most-uncertain", canvas_only=True)
    assert viewer.layers.selection.active is strokes
    assert strokes.mode == "paint"
    middle = person.middle(strokes)
    before = strokes.data.copy()
    person.paints(2, middle, np.add(middle, 2))
    assert (strokes.data != before).any()
    person.sees_classes(strokes, strokes, middle)

    person.opens_section("Tune")
    person.runs(step.tune_button)
    person.looks("tune", of=step)


def test_cat_live(person):
    viewer = person.viewer
    person.opens_sample("cat_scribbles")
    strokes = viewer.layers["cat scribbles"]
    person.reads("Ready: 2 classes")
    person.clicks(person.step(SegmentStep).live_box)
    person.waits_for(lambda: "cat live" in viewer.layers)
    person.waits_for(lambda: viewer.layers["cat live"].data[CAT] == 2)
    person.sees_image(viewer.layers["cat"], (100, 150), (200, 300))
    person.sees_classes(viewer.layers["cat live"], strokes, CAT, BACKGROUND)
    person.looks("following")

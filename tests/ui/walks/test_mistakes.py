"""Mistakes on the way: each is answered on the screen, and none costs what was painted."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.walks import pictures


def test_mistakes(person, tmp_path):
    viewer = person.viewer
    train = person.step(TrainStep)
    person.reads("Open an image")
    assert not train.train_button.button.isEnabled()
    assert "image" in train.train_button.button.toolTip()

    tifffile.imwrite(tmp_path / "a.tif", pictures.nuclei())
    person.opens(tmp_path / "a.tif")
    person.reads("Press New labels")
    labels = person.presses_new_labels()
    person.reads("empty")
    # One class alone cannot be told from anything.
    person.paints(1, (40, 35), (40, 55))
    person.reads("a second")
    person.cannot(train.train_button, "second")
    person.paints(2, (75, 20), (75, 160))
    person.reads("Ready: 2 classes")

    # The layers are renamed, and a double click starts one training and cancels none.
    labels.name, viewer.layers["a"].name = "my strokes", "cells"
    person.clicks_twice(train.train_button)
    person.waits_for(lambda: person.session.runner.activity is None)
    assert len(person.session.models.model.card.losses) == train.controls.iterations.value

    # A stroke on the result instead of the annotation.
    person.predicts()
    refined = person.refines()
    viewer.layers.selection.active = refined
    refined.mode = "paint"
    refined.brush_size = 10
    person.drags(refined, (180, 100), (180, 150))
    painted = refined.data.copy()
    person.looks("painted on the result")
    offer = person.step(RefineStep).offer
    person.waits_for(offer.isVisible, 10_000)
    assert "a refined" in offer.text.text() or "cells refined" in offer.text.text()
    person.clicks(offer.leave_button)

    # The next refinement leaves what was painted, and the annotation, as they are.
    before = labels.data.copy()
    person.refines()
    assert refined in viewer.layers
    np.testing.assert_array_equal(refined.data, painted)
    np.testing.assert_array_equal(labels.data, before)

    # The image is deleted on the way, and another one opened.
    viewer.layers.remove("cells")
    person.reads("image")
    tifffile.imwrite(tmp_path / "b.tif", pictures.nuclei(3, (5, 5)))
    person.opens(tmp_path / "b.tif")
    assert person.session.selection.image is viewer.layers["b"]
    person.predicts()
    refined = person.refines()
    assert pictures.finds(refined.data == 1, pictures.discs(moved=(5, 5)))
    # Labels that were deleted come back by New labels.
    viewer.layers.remove(labels)
    person.presses_new_labels()
    person.reads("empty")
    person.looks("end")

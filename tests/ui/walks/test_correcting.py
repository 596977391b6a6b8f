"""A refined result that is wrong somewhere is painted over, and learnt from."""

from __future__ import annotations

import numpy as np

from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.walks import pictures


def test_correcting(person, tmp_path):
    first, second = pictures.channels()
    # Bright discs on two kinds of ground, of which the first strokes know one.
    both = (first // 2 + second).astype(np.uint16)
    person.opens(pictures.write_tiff(tmp_path / "cells.tif", both))
    labels = person.presses_new_labels()
    person.paints(1, (40, 35), (40, 55))
    person.paints(2, (75, 20), (75, 60))
    person.reads("Ready: 2 classes")
    person.trains()
    person.predicts()
    refined = person.refines()
    inside = pictures.discs()
    wrong = ((refined.data == 1) != inside).mean()
    assert wrong > 0.1
    person.looks("wrong")

    assert person.viewer.layers.selection.active is labels
    person.paints(2, (75, 110), (75, 170))
    person.paints(1, (45, 120), (45, 140))
    person.looks("corrected")
    person.sees_classes(labels, labels, (75, 150))
    train = person.step(TrainStep)
    person.waits_for(lambda: person.is_highlighted(train.train_button), 5000)
    assert "New strokes" in train.summary()
    person.clicks(train.continue_button)
    person.waits_for(lambda: person.session.runner.activity is None)
    # What was made by the model before says so.
    assert any("earlier" in layer.name for layer in person.viewer.layers)
    person.waits_for(lambda: person.is_highlighted(person.step(PredictStep).predict_button), 5000)
    person.predicts()
    refined = person.refines()
    person.looks("right")
    assert pictures.finds(refined.data == 1, inside)
    assert ((refined.data == 1) != inside).mean() < wrong / 3

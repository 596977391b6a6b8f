"""The sample cat, from its strokes to refined labels."""

from __future__ import annotations

from napari_fcn_crf.data import samples


def test_cat(person):
    person.opens_sample("cat_scribbles")
    image = person.viewer.layers["cat"]
    strokes = person.viewer.layers["cat scribbles"]
    person.reads("Ready: 2 classes")
    person.looks("opened")

    person.trains()
    person.looks("trained")
    person.predicts()
    person.looks("predicted")
    person.sees_image(image, (100, 150), (200, 300))

    refined = person.refines()
    person.looks("refined")
    person.sees_image(image, (100, 150), (200, 300))
    person.sees_classes(refined, strokes, (150, 225), (285, 345))
    truth = samples.load("cat_annotation")
    assert ((refined.data == 1) == (truth == 0)).mean() > 0.85

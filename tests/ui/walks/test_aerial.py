"""An aerial picture in colour, four classes with names of their own."""

from __future__ import annotations

from PIL import Image as PillowImage

from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from tests.ui.walks import pictures

NAMES = ("water", "fields", "woods", "soil")
PLACES = ((48, 48), (48, 144), (144, 48), (144, 144))


def test_aerial(person, tmp_path):
    PillowImage.fromarray(pictures.fields()).save(tmp_path / "aerial.png")
    person.opens(tmp_path / "aerial.png")
    image = person.viewer.layers["aerial"]
    labels = person.presses_new_labels()
    for value, (row, column) in enumerate(PLACES, 1):
        person.paints(value, (row - 30, column - 30), (row - 30, column + 20))
    person.reads("Ready: 4 classes")
    table = person.step(AnnotateStep).table
    for row, name in enumerate(NAMES):
        table.item(row, 1).setText(name)
    person.looks("named")

    person.trains()
    person.predicts()
    refined = person.refines()
    person.looks("refined")
    assert [refined.data[place] for place in PLACES] == [1, 2, 3, 4]
    person.sees_classes(refined, labels, *PLACES)
    person.sees_image(image, (20, 20), (70, 170))
    told = person.step(RefineStep).compare.text.text()
    assert all(name in told for name in NAMES)

"""A 16-bit picture of nuclei from a file, New labels, and a brush."""

from __future__ import annotations

import tifffile

from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.segment import SegmentStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.walks import pictures


def test_nuclei(person, tmp_path):
    path = tmp_path / "nuclei.tif"
    tifffile.imwrite(path, pictures.nuclei(), resolution=(5, 5), metadata={"unit": "um"})
    person.opens(path)
    image = person.viewer.layers["nuclei"]
    assert person.session.selection.image is image
    labels = person.presses_new_labels()
    person.reads("empty")
    assert "Ready" not in person.verdict()

    person.paints(1, (40, 35), (40, 55))
    person.reads("a second")
    assert "Ready" not in person.verdict()
    person.paints(2, (75, 20), (75, 160))
    person.reads("Ready: 2 classes")
    person.looks("painted")
    person.sees_image(image, (90, 60), (125, 100))

    person.trains()
    person.predicts()
    person.looks("predicted")
    person.sees_image(image, (20, 20), (70, 70))
    refined = person.refines()
    person.looks("refined")
    person.sees_image(image, (60, 40), (130, 110))
    person.sees_classes(refined, labels, (150, 150), (100, 150))
    inside = pictures.discs()
    assert pictures.finds(refined.data == 1, inside)
    assert tuple(refined.scale) == tuple(image.scale)
    assert person.step(TrainStep).train_button.button.text() == "Train"

    # What was wrong is painted over, and the stroke is to be seen.
    assert person.viewer.layers.selection.active is labels
    person.paints(2, (170, 100), (180, 120))
    person.sees_classes(labels, labels, (170, 100))


def test_touching(person, tmp_path):
    image = pictures.nuclei(centres=pictures.TOUCHING)
    person.opens(pictures.write_tiff(tmp_path / "nuclei.tif", image))
    person.presses_new_labels()
    person.paints(1, (40, 35), (40, 55))
    person.paints(2, (110, 10), (110, 50))
    person.runs(person.step(SegmentStep).segment_button)

    cleanup = person.step(RefineStep).cleanup
    person.opens_section("Clean up")
    person.clicks(cleanup.preview_box)
    person.waits_for(lambda: cleanup.found.text() == "7 objects on the screen")
    person.scrolls_to(cleanup.found)
    person.looks("split")
    person.clicks(cleanup.split_button)
    person.waits_for(lambda: "nuclei instances" in person.viewer.layers)
    person.waits_for(lambda: person.session.runner.activity is None)
    assert person.viewer.layers["nuclei instances"].data.max() == len(pictures.TOUCHING)
    person.looks("numbered")

"""Two channels that napari shows as two layers, taken for one picture."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from tests.ui.walks import pictures


def test_channels(person, tmp_path):
    first, second = pictures.channels()
    person.opens(pictures.write_tiff(tmp_path / "first.tif", first))
    person.opens(pictures.write_tiff(tmp_path / "second.tif", second))
    image = person.session.selection.image
    choice = person.step(AnnotateStep).picture
    assert choice.channels.count() == 1
    choice.more.expand(animate=False)
    choice.channels.item(0).setCheckState(Qt.CheckState.Checked)
    person.waits_for(lambda: "2 channels" in choice.text.text())
    person.looks("channels")

    labels = person.presses_new_labels()
    person.paints(1, (40, 35), (40, 55))
    person.paints(1, (150, 140), (150, 160))
    person.paints(2, (75, 20), (75, 80))
    person.paints(3, (75, 110), (75, 170))
    person.reads("Ready: 3 classes")
    person.trains()
    assert person.session.models.model.card.channels == 2
    person.predicts()
    refined = person.refines()
    person.looks("refined")
    person.sees_image(image, (20, 80), (70, 112))
    # Neither channel alone tells these three places apart.
    assert [refined.data[at] for at in ((105, 80), (105, 20), (105, 170))] == [1, 2, 3]
    person.sees_classes(refined, labels, (105, 20), (105, 170))

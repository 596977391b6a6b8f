"""A folder of pictures and masks to learn from, and a picture of its own to segment."""

from __future__ import annotations

import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.ui.sections.pairs_section import PairsSection
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from tests.ui.walks import pictures


def test_folder(person, tmp_path, monkeypatch):
    folder = tmp_path / "plate"
    folder.mkdir()
    for seed in (1, 2):
        moved = (4 * seed, -3 * seed)
        tifffile.imwrite(folder / f"well{seed}.tif", pictures.nuclei(seed, moved))
        mask = pictures.discs(moved=moved).astype("uint8") * 255
        tifffile.imwrite(folder / f"well{seed}_labels.tif", mask)
    new = tmp_path / "new.tif"
    tifffile.imwrite(new, pictures.nuclei(7))
    person.opens(new)
    annotate = person.step(AnnotateStep)
    # The dialog is the operating system's; the answer is the person's.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    pairs: PairsSection = annotate.pairs
    for section in person.sections(annotate):
        section.expand(animate=False)
    person.clicks(pairs.folder_button)
    assert pairs.list.count() == 2
    person.reads("Ready")
    person.looks("added")

    person.trains()
    person.predicts()
    refined = person.refines()
    person.looks("refined")
    assert pictures.finds(refined.data == 255, pictures.discs())
    person.sees_image(person.viewer.layers["new"], (20, 20), (70, 70))

"""A folder of pictures, one of them broken: learnt on the first, predicted all, looked through."""

from __future__ import annotations

import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.ui.steps.predict import PredictStep
from tests.ui.conftest import wait_until_idle
from tests.ui.walks import pictures


def test_many(person, tmp_path, monkeypatch):
    folder = tmp_path / "plate 7"
    folder.mkdir()
    moved = {f"well{number}": (4 * number, -3 * number) for number in range(1, 6)}
    for number, (name, by) in enumerate(moved.items()):
        tifffile.imwrite(folder / f"{name}.tif", pictures.nuclei(number, by))
    (folder / "well3.tif").write_bytes(b"broken")
    predict = person.step(PredictStep)
    person.opens(folder / "well1.tif")
    person.presses_new_labels()
    person.paints(1, (44, 32), (44, 52))
    person.paints(1, (109, 66), (109, 86))
    person.paints(2, (75, 10), (75, 180))
    person.paints(2, (180, 10), (180, 110))
    person.reads("Ready: 2 classes")
    person.trains()

    person.chooses(predict.many.extent, "a folder")
    # The dialog is the operating system's; the answer is the person's.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    person.clicks(predict.many.folder_button)
    person.looks("chosen")
    person.clicks(predict.predict_button.button)
    table = person.session.many.table
    person.waits_for(lambda: any(row.state == "under way" or row.is_done for row in table.rows))
    person.looks("under-way")
    wait_until_idle(person.qtbot, person.session)
    person.says("4 of 5 done, 1 failed")
    person.looks("done")
    states = [row.state for row in person.session.many.table.rows]
    assert states == ["done", "done", "failed", "done", "done"]

    view = predict.images.view
    person.panel.steps_view.ensureWidgetVisible(view)
    for number, (name, by) in enumerate(moved.items()):
        if name == "well3":
            continue
        index = predict.images.index_of(number)
        person.qtbot.mouseClick(
            view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center()
        )
        person.waits_for(lambda name=name: f"{name} refined" in person.viewer.layers)
        refined = person.viewer.layers[f"{name} refined"]
        assert refined.visible
        assert pictures.finds(refined.data == 1, pictures.discs(moved=by))
        person.sees_image(person.viewer.layers[name], (20, 20), (70, 70))
    person.looks("opened")
    # The picture that was open already is no second one.
    assert [layer.name for layer in person.viewer.layers].count("well1") == 1

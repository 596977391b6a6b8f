"""Results leave napari: by the dock, by File > Save, and into the layer's table."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from npe2 import PluginManager
from qtpy.QtWidgets import QFileDialog
from roifile import roiread

from napari_fcn_crf.data.image_files import read_label_picture
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.ome_zarr.reading import read_ome_zarr
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.results.export.table import EXPORTS
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.panels import RefinePanel
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer import result_layers
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from tests.ui.conftest import click, wait_until_idle

CARD = ModelCard(
    (3, 7),
    ("background", "nucleus"),
    1,
    IntensityMapping((0.0,), (255.0,)),
    TrainingSettings(),
    class_colours=((0.0, 0.0, 1.0, 1.0), (1.0, 0.2, 0.0, 1.0)),
)


@pytest.fixture
def step(viewer, session, two_squares, qtbot) -> RefineStep:
    """The step with an image of half a micrometre a pixel, and its refinement."""
    image = viewer.add_image(two_squares[0], name="squares", scale=(0.5, 0.5), units=("um", "um"))
    inside = np.full((64, 64), 0.2, np.float32)
    inside[16:48, 16:48] = 0.8
    probabilities = np.stack([1 - inside, inside])
    session.class_names.suggest(zip(CARD.class_values, CARD.class_names, strict=True))
    session.selection.choose_sources(
        (result_layers.add_probabilities(viewer, image, probabilities, CARD),)
    )
    panel = RefinePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Refine (CRF)")
    step = panel.steps[RefineStep]
    step.controls.set_settings(CRFSettings(gaussian_sigma_px=2, bilateral_sigma_px=8, iterations=3))
    qtbot.wait(50)
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, session)
    return step


def _ome(path) -> str:
    with tifffile.TiffFile(path) as file:
        return file.ome_metadata


def _choose_file(monkeypatch, path, filter_="") -> list[str]:
    """Answer the file dialog, and return what it is asked."""
    asked = []

    def answer(parent, title, suggested, filters):
        asked.extend([suggested, filters])
        return str(path), filter_ or filters.split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return asked


def test_the_dock_writes_each_format(step, session, qtbot, monkeypatch, tmp_path, notes):
    section = step.export
    # And not what was painted, which lies on top.
    session.viewer.add_labels(np.zeros((64, 64), np.uint8), name="strokes", scale=(0.5, 0.5))
    qtbot.waitUntil(lambda: section.layer.findText("strokes") >= 0)
    assert section.layer.currentText() == "squares refined"
    (refined,) = (one for one in session.viewer.layers if one.name == "squares refined")
    for export in EXPORTS:
        section.format.setCurrentIndex(EXPORTS.index(export))
        assert section.format.toolTip() == export.tip
        # What is typed lacks the ending.
        asked = _choose_file(monkeypatch, tmp_path / "mine")
        click(qtbot, section.export_button)
        wait_until_idle(qtbot, session)
        path = tmp_path / f"mine{export.suffixes[0]}"
        assert asked[0] == f"squares refined{export.suffixes[0]}"
        assert asked[1].count(";;") == len(EXPORTS) - 1
        assert f"Wrote {path.name}" in notes()[-1]
        _check_file(export.name, path, refined.data)


def _check_file(name, path, labels) -> None:
    if name == "ome-tiff":
        read = read_label_picture(path)
        np.testing.assert_array_equal(read.array, labels)
        np.testing.assert_allclose(read.place.spacing, 0.5e-6)
        assert "nucleus" in _ome(path)
    elif name == "ome-zarr":
        read = read_ome_zarr(path)
        np.testing.assert_array_equal(np.asarray(read.array), labels)
        np.testing.assert_allclose(read.place.spacing, 0.5e-6)
    elif name == "geojson":
        (feature,) = json.loads(path.read_text())["features"]
        expected = {"name": "nucleus", "color": [255, 51, 0]}
        assert feature["properties"]["classification"] == expected
    elif name == "imagej-roi":
        (roi,) = roiread(path)
        assert (roi.name, roi.stroke_color) == ("nucleus-1", b"\xff\xff\x33\x00")
    else:
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows[-1]["class_name"] == "nucleus"
        assert float(rows[-1]["mean_1"]) > 170
        assert float(rows[-1]["area_um2"]) == pytest.approx((labels == 7).sum() / 4)


def test_what_would_be_replaced_unasked_is_kept(step, session, qtbot, monkeypatch, tmp_path, notes):
    (tmp_path / "mine.ome.tif").write_text("mine")
    _choose_file(monkeypatch, tmp_path / "mine")
    click(qtbot, step.export.export_button)
    wait_until_idle(qtbot, session)
    assert "There is a mine.ome.tif already" in notes()[-1]
    assert (tmp_path / "mine.ome.tif").read_text() == "mine"


def test_a_file_that_is_open_is_kept(step, viewer, session, qtbot, monkeypatch, tmp_path, notes):
    tifffile.imwrite(tmp_path / "open.ome.tif", np.zeros((40, 40), np.uint8))
    viewer.open(tmp_path / "open.ome.tif", plugin="napari")
    _choose_file(monkeypatch, tmp_path / "open.ome.tif")
    click(qtbot, step.export.export_button)
    wait_until_idle(qtbot, session)
    assert "was opened from open.ome.tif" in notes()[-1]


def test_the_chosen_result_is_written_in_the_chosen_format(
    step, session, qtbot, monkeypatch, tmp_path
):
    step.cleanup.split_button.click()
    wait_until_idle(qtbot, session)
    section = step.export
    row = section.layer.findText("squares instances")
    section.layer.setCurrentIndex(row)
    section.layer.activated.emit(row)
    # Another filter of the dialog than the one that was chosen before.
    _choose_file(monkeypatch, tmp_path / "cells", "Outlines for QuPath - GeoJSON (*.geojson)")
    click(qtbot, section.export_button)
    wait_until_idle(qtbot, session)
    (feature,) = json.loads((tmp_path / "cells.geojson").read_text())["features"]
    assert feature["properties"]["name"] == "1"
    assert feature["properties"]["classification"]["name"] == "nucleus"
    assert section.layer.currentText() == "squares instances"


def test_measuring_fills_the_layers_table(step, viewer, session, qtbot):
    click(qtbot, step.export.measure_button)
    wait_until_idle(qtbot, session)
    refined = viewer.layers["squares refined"]
    table = refined.features
    assert table["class"].tolist() == ["background", "nucleus"]
    assert table["index"].tolist() == [3, 7]
    assert table["area_um2"].tolist()[1] == pytest.approx((refined.data == 7).sum() / 4)
    # Which napari shows of what is under the mouse.
    status = refined.get_status((16.0, 16.0), view_direction=None, dims_displayed=[0, 1])
    assert "nucleus" in str(status)
    assert "area_um2" in str(status)


@pytest.mark.parametrize("name", ["squares refined", "squares probabilities"])
def test_napari_saves_what_was_made(step, viewer, tmp_path, name):
    layer = viewer.layers[name]
    written = layer.save(str(tmp_path / "a.ome.zarr"), plugin="napari-fcn-crf")
    assert written == [str(tmp_path / "a.ome.zarr")]
    read = read_ome_zarr(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(np.asarray(read.array), layer.data)
    np.testing.assert_allclose(read.place.spacing, 0.5e-6)
    # As the dialog does, which hands over the writer whose line was chosen.
    kind = "labels" if "refined" in name else "image"
    (writer,) = (
        one
        for one in PluginManager.instance().iter_compatible_writers([kind])
        if one.command == "napari-fcn-crf.write_ome_tiff"
    )
    viewer.layers.selection = {layer}
    viewer.layers.save(str(tmp_path / "b.ome.tif"), selected=True, _writer=writer)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.ome.tif"), layer.data)
    assert "nucleus" in _ome(tmp_path / "b.ome.tif")


def test_an_image_of_intensities_is_refused(step, viewer, tmp_path):
    with pytest.raises(RuntimeError, match="neither labels nor probabilities"):
        viewer.layers["squares"].save(str(tmp_path / "a.ome.zarr"), plugin="napari-fcn-crf")


def test_labels_of_the_users_own_number_objects(viewer, tmp_path):
    labels = np.zeros((40, 40), np.uint8)
    labels[2:4, 2:4] = labels[10:12, 10:12] = 4
    layer = viewer.add_labels(labels)
    assert not our_metadata(layer)
    layer.save(str(tmp_path / "a.geojson"), plugin="napari-fcn-crf")
    (feature,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert feature["properties"] == {"objectType": "annotation", "name": "4"}
    assert feature["geometry"]["type"] == "MultiPolygon"


def test_nothing_can_be_exported_where_there_is_nothing(viewer):
    panel = RefinePanel(viewer)
    assert not panel.steps[RefineStep].export.export_button.isEnabled()
    session_of(viewer)
    panel.close()

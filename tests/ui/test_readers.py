"""A model that is opened with napari opens the dock with it."""

from __future__ import annotations

import zipfile

import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session.session import session_of

CARD = ModelCard(
    (3, 7), ("rest", "nucleus"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings()
)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "cells.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CARD_MEMBER, CARD.to_json())
    return path


def _docks(viewer) -> list:
    return viewer.window._qt_window.findChildren(SegmentPanel)


def _drop(viewer, path) -> None:
    """Drop a file on the canvas, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, button, key = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    viewer.window._qt_viewer.dropEvent(QDropEvent(QPointF(9, 9), copy, data, button, key))


def test_a_model_opens_the_dock(viewer, model, qtbot):
    _drop(viewer, model)
    assert len(viewer.layers) == 0
    assert len(_docks(viewer)) == 1
    qtbot.waitUntil(lambda: _docks(viewer)[0].isVisibleTo(viewer.window._qt_window))
    found = session_of(viewer).models.model
    assert found is not None
    assert (found.name, found.is_saved) == ("cells.keras", True)
    assert session_of(viewer).class_names.of(7) == "nucleus"
    # Once more, with the dock there.
    _drop(viewer, model)
    assert len(_docks(viewer)) == 1


def test_what_is_no_model_of_ours_is_told(viewer, tmp_path):
    (tmp_path / "a.keras").write_text("no model")
    with pytest.raises(ValueError, match=r"a\.keras"):
        viewer.open(str(tmp_path / "a.keras"), plugin="napari-fcn-crf")
    assert _docks(viewer) == []

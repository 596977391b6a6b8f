"""Each part of a session announces its own changes, and is changed by its methods alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.session.model_store import WeightsChoice
from napari_fcn_crf.ui.session.timers import update_after
from tests.ui.conftest import wait_until_idle

CARD = ModelCard((1, 2), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())

SIGNALS = {
    "selection": (
        "layers_changed",
        "layers_selected",
        "image_changed",
        "annotation_changed",
        "sources_changed",
    ),
    "pairs": ("changed",),
    "meaning": ("changed",),
    "class_names": ("changed",),
    "models": ("model_changed", "weights_changed"),
    "runner": ("changed", "failed"),
    "results": ("changed",),
}

READ_ONLY = {
    "selection": (
        "image",
        "annotation",
        "sources",
    ),
    "pairs": ("layers", "files"),
    "meaning": ("mode", "ignore_label", "is_guessing", "is_chosen"),
    "class_names": ("given",),
    "models": ("model", "weights"),
    "runner": ("activity",),
    "results": ("refined", "uncertainty"),
}


def test_each_change_is_announced_by_its_own_signal_alone(viewer, session, qtbot, two_squares):
    image = viewer.add_image(two_squares[0], name="squares")
    labels = viewer.add_labels(two_squares[1], name="strokes")
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    qtbot.wait(50)
    heard: set[str] = set()
    for part, names in SIGNALS.items():
        for name in names:
            # Some bring something along.
            getattr(getattr(session, part), name).connect(
                lambda *_, told=f"{part}.{name}": heard.add(told)
            )

    def told_by(change, *values) -> set[str]:
        heard.clear()
        change(*values)
        return set(heard)

    selection, models, results = session.selection, session.models, session.results
    assert told_by(selection.choose_image, image) == {"selection.image_changed"}
    assert told_by(selection.choose_annotation, labels) == {
        "selection.annotation_changed",
        "meaning.changed",
    }
    assert told_by(session.meaning.choose_mode, "mask") == {"meaning.changed"}
    assert told_by(session.meaning.choose_ignore_label, 7) == {"meaning.changed"}
    assert told_by(session.class_names.name, 7, "nucleus") == {"class_names.changed"}
    assert told_by(session.class_names.suggest, [(3, "cell")]) == {"class_names.changed"}
    assert told_by(selection.choose_sources, (labels,)) == {"selection.sources_changed"}
    assert told_by(session.pairs.add, image, labels) == {"pairs.changed"}
    files = PairFiles(Path("a.tif"), Path("a_labels.tif"))
    assert told_by(session.pairs.add_files, [files]) == {"pairs.changed"}
    assert told_by(session.pairs.remove, 1) == {"pairs.changed"}
    model = (Path("m.keras"), CARD, "m.keras")
    assert told_by(lambda: models.keep(*model, is_saved=True)) == {"models.model_changed"}
    assert told_by(models.keep_settings, CRFSettings(iterations=1)) == {"models.model_changed"}
    assert told_by(models.choose_weights, WeightsChoice(Path("w.h5"), "VGG-16")) == {
        "models.weights_changed"
    }
    assert told_by(results.keep_uncertainty, image) == {"results.changed"}
    assert told_by(viewer.layers.selection.clear) == {"selection.layers_selected"}
    assert told_by(viewer.layers.remove, labels) >= {
        "selection.layers_changed",
        "selection.annotation_changed",
        "selection.sources_changed",
        "pairs.changed",
    }
    assert (selection.annotation, selection.sources, session.pairs.layers) == (None, (), ())
    assert told_by(viewer.layers.remove, image) >= {"selection.image_changed", "results.changed"}
    assert (selection.image, results.uncertainty) == (None, None)

    run = session.runner.run
    assert told_by(run, "test", "Failing", lambda _: 1 / 0, lambda: None, lambda _: None) == {
        "runner.changed"
    }
    heard.clear()
    wait_until_idle(qtbot, session)
    assert heard == {"runner.changed", "runner.failed"}


def test_nobody_assigns_what_has_a_method(session):
    for part, names in READ_ONLY.items():
        for name in names:
            with pytest.raises(AttributeError):
                setattr(getattr(session, part), name, None)
    with pytest.raises(TypeError):
        session.class_names.given[1] = "a"


def test_many_changes_of_a_moment_are_one_update_which_ends_with_its_widget(qtbot):
    class Told(QObject):
        one = Signal()
        other = Signal()

    class Shown(QObject):
        updates = 0

        def update(self):
            self.updates += 1

    told, shown = Told(), Shown()
    update_after(shown.update, told.one, told.other)
    for signal in (told.one, told.other, told.one):
        signal.emit()
    assert shown.updates == 0
    qtbot.wait(20)
    assert shown.updates == 1
    told.other.emit()
    qtbot.wait(20)
    assert shown.updates == 2
    told.one.emit()
    shown.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    told.one.emit()
    qtbot.wait(20)
    assert shown.updates == 2

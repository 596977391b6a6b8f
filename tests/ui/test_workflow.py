"""From a sample to refined labels by clicks alone, in the real napari with the real process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import napari_fcn_crf
from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.model.record import array_sha256, file_sha256
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import click, wait_until_idle

BUNDLED_FILE = Path(napari_fcn_crf.__file__).parent / "fcn/start/bundled_weights/vgg16-compact.npz"
HEAVY = ("keras", "tensorflow", "torch", "jax")


def test_sample_to_refined_labels(viewer, qtbot, tmp_path):
    viewer.open_sample("napari-fcn-crf", "cat_scribbles")
    _, panel = viewer.window.add_plugin_dock_widget("napari-fcn-crf", "Segment")
    session = session_of(viewer)
    assert session.selection.image.name == "cat"
    assert session.selection.annotation.name == "cat scribbles"
    verdict = panel.steps[AnnotateStep].verdict
    qtbot.waitUntil(lambda: verdict.text().startswith("Ready: 2 classes"))
    assert session.meaning.mode == "scribbles"

    train = panel.steps[TrainStep]
    train.controls.iterations.value = 12
    losses = []
    session.runner.progressed.connect(lambda latest: losses.append(latest.loss))
    click(qtbot, train.train_button)
    assert train.train_button.button.text() == "Cancel"
    wait_until_idle(qtbot, session)
    assert len([loss for loss in losses if loss is not None]) == 12
    assert session.models.model.card.class_values == (1, 2)
    assert len(session.models.model.card.losses) == 12

    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    probabilities = viewer.layers["cat probabilities"]
    assert probabilities.data.shape == (2, 300, 451)
    assert probabilities.data.dtype == np.float32
    np.testing.assert_allclose(probabilities.data.sum(axis=0), 1, atol=1e-5)
    assert tuple(probabilities.contrast_limits) == (0, 1)

    click(qtbot, panel.steps[RefineStep].refine_button)
    wait_until_idle(qtbot, session)
    refined = viewer.layers["cat refined"]
    assert refined.data.shape == (300, 451)
    assert set(np.unique(refined.data)) <= {1, 2}
    changed = (refined.data != viewer.layers["cat predicted"].data).mean()
    assert 0 < changed < 0.5
    told = panel.steps[RefineStep].compare.text.text()
    assert told.startswith(f"{changed:.1%} of the pixels changed.\n")
    assert not viewer.layers["cat predicted"].visible
    _check_records(viewer, session)

    session.models.save(tmp_path / "cat.keras")
    assert read_card(tmp_path / "cat.keras") == session.models.model.card

    assert not [name for name in HEAVY if name in sys.modules]


def _check_records(viewer, session):
    """Every layer tells how it was made, down to the hashes of what it was made from."""
    records = {
        name: viewer.layers[f"cat {name}"].metadata["napari_fcn_crf"]["record"]
        for name in ("probabilities", "predicted", "refined")
    }
    selection = session.selection
    image, labels = np.asarray(selection.image.data), np.asarray(selection.annotation.data)
    for record in (session.models.model.card.record, *records.values()):
        assert record["versions"]["napari-fcn-crf"] == napari_fcn_crf.__version__
        assert record["versions"]["keras"]
        assert record["labels_sha256"] == [array_sha256(labels)]
        assert record["images_sha256"] == [array_sha256(image)]
        assert record["weights_sha256"] == file_sha256(BUNDLED_FILE)
        assert record["started"]
        assert record["seconds"] > 0
    assert session.models.model.card.training.seed == 0
    for record in records.values():
        prediction = record["prediction"]
        assert prediction["model_sha256"] == file_sha256(session.models.model.path)
        assert prediction["image_sha256"] == array_sha256(image)
        assert prediction["settings"]["tile_px"] == 1024
        assert prediction["started"]
        assert prediction["seconds"] > 0
        assert prediction["training"]["seed"] == 0
    refinement = records["refined"]["refinement"]
    assert records["refined"]["crf"]["iterations"] == 5
    assert refinement["image_sha256"] == array_sha256(image)
    assert refinement["annotated_sha256"]
    assert refinement["seconds"] > 0


def test_importing_the_widgets_imports_nothing_heavy():
    """In a process of its own, for importing cannot be undone."""
    code = """
import sys
from napari_fcn_crf.ui import panels
from napari_fcn_crf.ui.session.first_labels import prepare_labels
bad = [n for n in ("keras", "tensorflow", "torch", "jax") if n in sys.modules]
# What takes long of the first labels is there before somebody presses New labels.
prepare_labels().join()
before = set(sys.modules)
import numpy
from napari.layers import Labels
Labels(numpy.zeros((4, 4), numpy.uint8))
bad += {"pandas"} & set(sys.modules) - before
print(bad)
sys.exit(bool(bad))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

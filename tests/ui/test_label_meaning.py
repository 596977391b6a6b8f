"""What labels mean, from the brush on the canvas to refined labels, in the real napari."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.labels import cells, shown, soft_mask, touching_squares, voc_mask
from tests.ui.conftest import click, wait_until_idle
from tests.ui.mouse import drag


def test_new_labels_are_for_strokes(viewer, panel, session, qtbot, two_squares):
    annotate, train = panel.steps[AnnotateStep], panel.steps[TrainStep]
    viewer.window._qt_window.show()
    viewer.add_image(two_squares[0], name="squares")
    qtbot.wait(100)
    annotate.new_labels_button.click()
    labels = viewer.layers["squares labels"]
    labels.brush_size = 3
    qtbot.wait(100)
    qtbot.waitUntil(lambda: "labels are empty" in annotate.verdict.text())
    assert annotate.scribbles_button.isChecked()

    drag(viewer, qtbot, (30, 20), (30, 40))
    qtbot.waitUntil(lambda: (labels.data == 1).sum() > 30)
    qtbot.waitUntil(lambda: "only label 1 was found" in annotate.verdict.text())
    assert "Paint a few strokes with a second label" in annotate.verdict.text()
    labels.selected_label = 2
    drag(viewer, qtbot, (6, 8), (6, 50))
    qtbot.waitUntil(lambda: annotate.verdict.text().startswith("Ready: 2 classes"))
    assert session.meaning.mode == "scribbles"

    train.controls.iterations.value = 0
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    card = session.models.model.card
    assert card.class_values == (1, 2)
    painted = {str(value): int((labels.data == value).sum()) for value in (1, 2)}
    assert card.record["class_pixels"] == painted


def test_a_large_stroke_in_an_empty_layer_is_adrag(viewer, panel, session, qtbot, two_squares):
    """A layer of napari's own, which nobody noted is for strokes."""
    viewer.add_image(two_squares[0])
    labels = viewer.add_labels(np.zeros((64, 64), np.uint8), name="mine")
    step = panel.steps[AnnotateStep]
    qtbot.waitUntil(lambda: "labels are empty" in step.verdict.text())
    labels.brush_size = 20
    labels.paint((30, 30), 1)
    qtbot.waitUntil(lambda: "only label 1" in step.verdict.text())
    assert session.meaning.mode == "scribbles"


def test_a_second_folder_leaves_what_was_chosen(panel, session, qtbot, two_squares, tmp_path):
    image, strokes = two_squares
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(strokes.astype(np.uint8)).save(tmp_path / "labels.png")
    pair = PairFiles(tmp_path / "image.png", tmp_path / "labels.png")
    session.pairs.add_files([pair])
    qtbot.waitUntil(lambda: session.meaning.counts.statistics is not None)
    assert session.meaning.mode == "scribbles"
    session.meaning.choose_mode("mask")
    (tmp_path / "second.png").hardlink_to(tmp_path / "image.png")
    session.pairs.add_files([PairFiles(tmp_path / "second.png", pair.labels)])
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    assert session.meaning.mode == "mask"


def _open(viewer, qtbot, panel, session, labels, iterations=0):
    viewer.add_image(shown(labels), name="image")
    layer = viewer.add_labels(labels, name="labels")
    panel.steps[TrainStep].controls.iterations.value = iterations
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    return layer


DOUBTFUL = [
    (cells(), ("144 labels", "Let others be objects")),
    (cells(3), ("9 labels", "Let others be objects")),
    (soft_mask(), ("soft edges", "labels > 127")),
    (shown(cells()), ("look like an image", "swapped")),
    (voc_mask(), ("255 lies around objects", "Tick that 255")),
]


def test_doubts_are_shown_and_asked(viewer, panel, session, qtbot, notes):
    verdict, train = panel.steps[AnnotateStep].verdict, panel.steps[TrainStep]
    for labels, words in DOUBTFUL:
        _open(viewer, qtbot, panel, session, labels)
        qtbot.waitUntil(lambda words=words: all(word in verdict.text() for word in words))
        assert "Ready" not in verdict.text()
        click(qtbot, train.train_button)
        assert session.runner.activity is None
        assert all(word in notes()[-1] for word in words)
        assert train.train_button.button.text() == "Train anyway"
        assert train.settings().trust_labels
        # What was said of these labels is not said of those that are chosen next.
        viewer.layers.remove("labels")
        qtbot.waitUntil(lambda: train.train_button.button.text() == "Train")
        viewer.layers.clear()


def test_a_second_press_trains_on_labels_as_they_are(viewer, panel, session, qtbot):
    _open(viewer, qtbot, panel, session, cells(3))
    train = panel.steps[TrainStep]
    click(qtbot, train.train_button)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    card = session.models.model.card
    assert (len(card.class_values), card.training.trust_labels) == (9, True)


def test_labels_of_other_pairs_are_asked_about(viewer, panel, session, qtbot, notes, two_squares):
    image, strokes = two_squares
    numbered = cells()
    session.pairs.add(viewer.add_image(shown(numbered)), viewer.add_labels(numbered, name="cells"))
    session.selection.choose_image(viewer.add_image(image))
    session.selection.choose_annotation(viewer.add_labels(strokes))
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 1
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert "144 labels" in notes()[-1]
    assert session.models.model is None
    assert train.train_button.button.text() == "Train anyway"
    assert train.settings().trust_labels


def test_the_void_is_no_class(viewer, panel, session, qtbot):
    step = panel.steps[AnnotateStep]
    assert step.meaning.void_box.isHidden()
    labels = _open(viewer, qtbot, panel, session, voc_mask(), iterations=1).data
    qtbot.waitUntil(lambda: not step.meaning.void_box.isHidden())
    assert step.mask_button.isChecked()
    step.meaning.void_box.click()
    qtbot.waitUntil(lambda: step.verdict.text().startswith("Ready: 3 classes"))
    # The quickest to train on all of an image's pixels.
    network = panel.steps[NetworkStep].architecture
    network.setCurrentIndex(network.findData("fcn32s"))
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    card = session.models.model.card
    assert card.class_values == (0, 8, 15)
    assert card.training.ignore_label == 255
    assert sum(card.record["class_pixels"].values()) == (labels != 255).sum()


@pytest.mark.parametrize("with_border", [pytest.param(False, marks=pytest.mark.long), True])
def test_objects_get_their_numbers_back(viewer, panel, session, qtbot, with_border):
    numbered = touching_squares() if with_border else cells(3, 24, 9)
    labels = np.kron(numbered, np.ones((3, 3), np.uint8)) if with_border else numbered
    _open(viewer, qtbot, panel, session, labels, iterations=60)
    annotate, refine = panel.steps[AnnotateStep], panel.steps[RefineStep]
    row = 2 if with_border else 1
    annotate.meaning.others.setCurrentIndex(row)
    annotate.meaning.others.activated.emit(row)
    n_classes = row + 1
    qtbot.waitUntil(lambda: annotate.verdict.text().startswith(f"Ready: {n_classes} classes, 100"))
    table = annotate.table
    names = [table.item(at, 1).text() for at in range(table.rowCount())]
    assert names == ["background", "object", "border"][:n_classes]
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    card = session.models.model.card
    assert card.class_names == ("background", "object", "border")[:n_classes]
    assert card.class_values == (0, 1, 2)[:n_classes]
    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    click(qtbot, refine.refine_button)
    wait_until_idle(qtbot, session)
    assert set(np.unique(viewer.layers["image refined"].data)) <= set(range(n_classes))
    refine.cleanup.split_button.click()
    wait_until_idle(qtbot, session)
    found = viewer.layers["image instances"].data
    kept = [int(np.bincount(found[labels == number]).argmax()) for number in np.unique(labels)[1:]]
    assert len(set(kept)) == len(kept)
    assert 0 not in kept


@pytest.mark.parametrize("n_layers", [1, 3])
def test_probabilities_of_8_bits_are_refined(viewer, panel, session, qtbot, notes, n_layers):
    image = shown(voc_mask())
    given = np.random.default_rng(0).dirichlet(np.ones(3), image.shape).transpose(2, 0, 1)
    exported = np.round(255 * given).astype(np.uint8)
    viewer.add_image(image, name="image")
    if n_layers == 1:
        sources = (viewer.add_image(exported, name="exported"),)
    else:
        sources = tuple(viewer.add_image(plane) for plane in exported)
        session.selection.choose_image(viewer.layers["image"])
    session.selection.choose_sources(sources)
    refine = panel.steps[RefineStep]
    click(qtbot, refine.refine_button)
    wait_until_idle(qtbot, session)
    assert any("they were divided by 255." in note for note in notes())
    predicted = viewer.layers["image predicted"].data
    np.testing.assert_array_equal(predicted, 1 + exported.argmax(axis=0))

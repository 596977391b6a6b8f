"""Step 1 shows what is annotated, while it is painted."""

from __future__ import annotations

import threading
from collections import Counter

import dask.array
import dask.config
import numpy as np

from napari_fcn_crf.ui.steps.annotate import AnnotateStep


def _table(step):
    return [
        [step.table.item(row, column).text() for column in range(3)]
        for row in range(step.table.rowCount())
    ]


def test_painting_updates_the_counts(viewer, panel, session, qtbot, two_squares):
    step = panel.steps[AnnotateStep]
    viewer.add_image(two_squares[0], name="squares")
    qtbot.wait(20)
    step.new_labels_button.click()
    labels = viewer.layers["squares labels"]
    assert labels.mode == "paint"
    qtbot.waitUntil(lambda: "labels are empty" in step.verdict.text())
    labels.brush_size = 1
    labels.paint((5, 5), 1)
    labels.paint((9, 9), 2)
    labels.paint((9, 10), 2)
    session.meaning.choose_mode("scribbles")
    qtbot.waitUntil(lambda: _table(step) == [["1", "class 1", "1"], ["2", "class 2", "2"]])
    assert step.verdict.text() == "Ready: 2 classes, 0.1% of the pixels annotated."
    labels.undo()
    qtbot.waitUntil(lambda: _table(step) == [["1", "class 1", "1"], ["2", "class 2", "1"]])


def test_the_table_has_the_colours_of_the_layer(viewer, panel, qtbot, two_squares):
    step = panel.steps[AnnotateStep]
    layer = viewer.add_labels(two_squares[1], name="strokes")

    def swatch() -> list[int]:
        return list(step.table.item(0, 0).icon().pixmap(12).toImage().pixelColor(5, 5).getRgb())

    def colour() -> list[int]:
        return [round(255 * float(part)) for part in layer.get_color(3)]

    qtbot.waitUntil(lambda: step.table.rowCount() == 2)
    assert swatch() == colour()
    before = colour()
    layer.new_colormap(seed=7)
    assert colour() != before
    qtbot.waitUntil(lambda: swatch() == colour())


def test_a_mask_is_recognised_and_can_be_overruled(viewer, panel, session, qtbot, two_squares):
    step = panel.steps[AnnotateStep]
    image, _ = two_squares
    viewer.add_image(image, name="squares")
    viewer.add_labels((image > 120).astype(int), name="mask")
    qtbot.waitUntil(lambda: step.mask_button.isChecked())
    assert [row[1] for row in _table(step)] == ["background", "class 1"]
    step.scribbles_button.click()
    qtbot.waitUntil(lambda: "only label 1" in step.verdict.text())
    assert session.meaning.mode == "scribbles"


def test_a_guess_that_comes_late_changes_no_choice(viewer, session, qtbot, two_squares):
    viewer.add_image(two_squares[0])
    viewer.add_labels((two_squares[0] > 120).astype(int))  # a mask
    session.meaning.choose_mode("scribbles")
    assert session.meaning.counts.latest is None
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    assert session.meaning.mode == "scribbles"


def test_a_lazy_layer_is_read_by_a_thread_chunk_by_chunk(viewer, panel, session, qtbot):
    readers, shapes = Counter(), set()

    def mask(block):
        readers[threading.current_thread().name] += 1
        shapes.add(block.shape)
        return (block > 0).astype(np.uint8)

    planes = np.tile(np.eye(40, dtype=np.uint8), (50, 1, 1))
    lazy = dask.array.from_array(planes, chunks=(1, 40, 40)).map_blocks(
        mask, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    viewer.add_image(planes, contrast_limits=(0, 1))
    with dask.config.set(scheduler="synchronous"):
        viewer.add_labels(lazy)
        qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    assert readers.pop("fcn-crf label counts") == 50
    # What is left is napari's, of the slice that it shows.
    assert readers.total() < 10
    assert shapes == {(1, 40, 40)}
    # Another slice is no reason to read all of them again.
    viewer.dims.set_point(0, 7)
    assert session.meaning.counts.is_current
    assert session.meaning.counts.latest == {0: 50 * 40 * 39, 1: 50 * 40}
    assert session.meaning.mode == "mask"


def test_colours_are_the_layers_own(viewer, panel, qtbot, two_squares):
    step = panel.steps[AnnotateStep]
    image, labels = two_squares
    viewer.add_image(image)
    layer = viewer.add_labels(labels)
    qtbot.waitUntil(lambda: step.table.rowCount() == 2)
    for row, value in enumerate((3, 7)):
        swatch = step.table.item(row, 0).icon().pixmap(12, 12).toImage().pixelColor(6, 6)
        expected = np.round(np.array(layer.get_color(value)) * 255)
        np.testing.assert_allclose(swatch.getRgb(), expected, atol=1)


def test_choices_follow_layers(viewer, panel, session, qtbot, two_squares):
    choice = panel.steps[AnnotateStep].image_choice
    assert choice.currentText() == "no image open"
    first = viewer.add_image(two_squares[0], name="first")
    viewer.add_image(two_squares[0], name="second")
    qtbot.waitUntil(lambda: choice.count() == 2)
    # It is the one on the screen.
    assert choice.currentText() == "second"
    session.selection.choose_image(first)
    first.name = "renamed"
    qtbot.waitUntil(lambda: choice.currentText() == "renamed")
    viewer.layers.remove(first)
    qtbot.waitUntil(lambda: choice.currentText() == "second")
    assert session.selection.image.name == "second"


def test_classes_of_samples_have_names(viewer, panel, session, qtbot):
    """In the table, in the status bar, and of the annotation that is chosen."""
    viewer.open_sample("napari-fcn-crf", "cat_scribbles")
    names = [session.class_names.of(value) for value in (1, 2)]
    assert names == ["background", "cat"]
    strokes = viewer.layers["cat scribbles"]
    (row, *_), (column, *_) = (strokes.data == 2).nonzero()
    assert "cat" in strokes.get_status((row, column), world=True)["value"]
    assert "not annotated" in strokes.get_status((0, 0), world=True)["value"]
    viewer.open_sample("napari-fcn-crf", "cat")
    assert {layer.axis_labels for layer in viewer.layers} == {("y", "x")}
    session.selection.choose_annotation(viewer.layers["cat annotation"])
    assert [session.class_names.of(value) for value in (0, 1)] == ["background", "cat"]
    session.class_names.name(1, "Chelsea")
    session.selection.choose_annotation(strokes)
    session.selection.choose_annotation(viewer.layers["cat annotation"])
    assert session.class_names.of(1) == "Chelsea"

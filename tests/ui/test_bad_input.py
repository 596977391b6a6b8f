"""What cannot work is told in one sentence, and leaves every layer as it was."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.compute.parent.service import TrainingRequest
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions import network_actions, refine_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import click, compute_processes, wait_until_idle


def _arrays(viewer):
    return {layer.name: np.array(layer.data) for layer in viewer.layers}


def _train_is_refused(viewer, panel, session, qtbot, notes, expected):
    before = _arrays(viewer)
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    assert len(notes()) == 1
    for word in expected:
        assert word in notes()[0]
    after = _arrays(viewer)
    assert list(after) == list(before)
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
    assert session.models.model is None


def _train_is_disabled(panel, session, qtbot, expected):
    """Whoever looks at the dock reads why, without a click; a script is told the same."""
    step = panel.steps[TrainStep]
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    qtbot.wait(50)
    problem = step.train_button.button.toolTip()
    for word in expected:
        assert word in problem
    assert not step.train_button.button.isEnabled()
    # How to go on may be told as well.
    assert panel.steps[AnnotateStep].verdict.text().startswith(problem)
    with pytest.raises(ValueError, match=re.escape(problem)):
        network_actions.train(session, TrainingRequest(step.settings()))


def test_no_layers(viewer, panel, session):
    button = panel.steps[TrainStep].train_button.button
    assert not button.isEnabled()
    assert button.toolTip() == "Open an image first."
    with pytest.raises(ValueError, match="An image layer is needed"):
        network_actions.train(session, TrainingRequest())
    with pytest.raises(ValueError, match="An image layer is needed"):
        network_actions.predict(session)
    with pytest.raises(ValueError, match="An image layer is needed"):
        refine_actions.refine(session, CRFSettings(), RefinementOptions())


def test_labels_of_another_shape(viewer, panel, session, qtbot, notes, two_squares):
    image, labels = two_squares
    viewer.add_image(image, name="squares")
    viewer.add_labels(labels[:50], name="strokes")
    expected = ("same shape", "64 x 64", "50 x 64", "New labels")
    _train_is_disabled(panel, session, qtbot, expected)


def test_labels_in_another_place(viewer, panel, session, qtbot, notes, two_squares):
    image, labels = two_squares
    viewer.add_image(image, name="squares", scale=(2, 2))
    viewer.add_labels(labels, name="strokes")
    expected = ("same place", "31.5 pixels apart", "'squares'", "'strokes'")
    _train_is_disabled(panel, session, qtbot, expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [((), ("at least two", "empty", "Paint")), ((5,), ("at least two", "label 5", "Paint"))],
)
def test_too_few_classes(viewer, panel, session, qtbot, notes, two_squares, values, expected):
    labels = np.zeros((64, 64), int)
    for value in values:
        labels[:8] = value
    viewer.add_image(two_squares[0], name="squares")
    viewer.add_labels(labels, name="strokes")
    session.meaning.choose_mode("scribbles")
    _train_is_disabled(panel, session, qtbot, expected)


def _infinite(image):
    image = image.astype(float)
    image[3, 4] = np.inf
    return image


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda image: image[:31, :31], ("at least 32 x 32", "31 x 31", "rescale")),
        (_infinite, ("infinite", "1 of 4096", "nan_to_num")),
        (lambda image: np.full_like(image, 9), ("contrast", "9", "another image")),
    ],
    ids=["small", "infinite", "constant"],
)
def test_unfit_images(viewer, panel, session, qtbot, notes, two_squares, spoil, expected):
    image, labels = two_squares
    image = spoil(image)
    labels = labels[: image.shape[0], : image.shape[1]].copy()
    labels[0, :5], labels[1, :5] = 3, 7
    viewer.add_image(image, name="squares", contrast_limits=(0, 255))
    viewer.add_labels(labels, name="strokes")
    _train_is_refused(viewer, panel, session, qtbot, notes, expected)


def test_a_layer_that_is_no_probabilities(viewer, panel, session, qtbot, notes, two_squares):
    viewer.add_image(two_squares[0], name="squares")
    stack = viewer.add_image(np.full((3, 64, 64), 7.0), name="stack", contrast_limits=(0, 9))
    session.selection.choose_image(viewer.layers["squares"])
    session.selection.choose_sources((stack,))
    click(qtbot, panel.steps[RefineStep].refine_button)
    wait_until_idle(qtbot, session)
    assert len(notes()) == 1
    assert "robabilities" in notes()[0]
    assert [layer.name for layer in viewer.layers] == ["squares", "stack"]


@pytest.mark.own_process
def test_unfit_weights_files_are_refused_without_tensorflow(
    viewer, panel, session, qtbot, notes, tmp_path
):
    spoilt = {
        "text.h5": b"hello",
        "truncated.h5": b"\x89HDF\r\n\x1a\n" + bytes(40),
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
        "folder.h5": None,
    }
    for name, content in spoilt.items():
        path = tmp_path / name
        path.mkdir() if content is None else path.write_bytes(content)
        before = len(notes())
        network_actions.load_weights(session, path)
        wait_until_idle(qtbot, session)
        (said,) = notes()[before:]
        assert name in said
        assert panel.messages.text.text() == f"Not done: {said}"
        assert session.models.weights is None
    assert session.runner.service.pid is None
    assert compute_processes() == []


def test_full_disk_while_saving_leaves_no_file(
    viewer, panel, session, qtbot, tmp_path, two_squares, monkeypatch
):
    image, labels = two_squares
    viewer.add_image(image, name="squares")
    viewer.add_labels(labels, name="strokes")
    panel.steps[TrainStep].controls.iterations.value = 0
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)

    def full(source, target, card):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_fcn_crf.ui.session.model_store.copy_model", full)
    with pytest.raises(ValueError, match=r"could not be saved as out\.keras: No space left"):
        session.models.save(tmp_path / "out.keras")
    assert list(tmp_path.iterdir()) == []
    assert not session.models.model.is_saved

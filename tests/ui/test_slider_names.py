"""Sliders are called what the dock takes their axes for, unless somebody has named them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.viewer.result_layers import add_probabilities


@pytest.fixture
def stack(viewer, panel, qtbot):
    """A layer whose axes have no names."""
    stack = viewer.add_image(np.random.default_rng(0).uniform(size=(3, 40, 50)), name="stack")
    qtbot.waitUntil(lambda: viewer.dims.axis_labels[0] != "-3")
    return stack


def test_planes_are_z_and_frames_are_time(viewer, panel, session, stack, qtbot):
    assert viewer.dims.axis_labels == ("z", "-2", "-1")
    session.selection.choose_axes("tyx")
    qtbot.waitUntil(lambda: viewer.dims.axis_labels[0] == "time")
    # The layer is the person's, and says what it said.
    assert stack.axis_labels == ("-3", "-2", "-1")


def test_a_name_that_somebody_gave_stays(viewer, panel, session, stack, qtbot):
    viewer.dims.axis_labels = ("depth", "-2", "-1")
    panel.steps[AnnotateStep].new_labels_button.click()
    session.selection.choose_axes("tyx")
    qtbot.wait(50)
    assert viewer.dims.axis_labels == ("depth", "-2", "-1")


def test_a_layer_with_names_keeps_them(viewer, panel, qtbot):
    image = np.random.default_rng(0).uniform(size=(3, 40, 50))
    viewer.add_image(image, axis_labels=("slice", "y", "x"))
    qtbot.wait(50)
    assert viewer.dims.axis_labels == ("slice", "y", "x")


def test_channels_are_no_classes(viewer, panel, session, qtbot):
    """Hidden probabilities have an axis where an image has its channels."""
    rng = np.random.default_rng(0)
    image = viewer.add_image(rng.uniform(size=(2, 40, 50)), name="cells")
    session.selection.choose_axes("cyx")
    qtbot.waitUntil(lambda: viewer.dims.axis_labels[0] == "channel")
    mapping = IntensityMapping((0.0, 0.0), (1.0, 1.0))
    card = ModelCard((1, 2, 3), ("one", "two", "three"), 2, mapping, TrainingSettings())
    made = add_probabilities(viewer, image, rng.uniform(size=(3, 40, 50)).astype("f4"), card)
    made.visible = False
    qtbot.waitUntil(lambda: viewer.dims.axis_labels[0] == "channel")
    assert viewer.dims.nsteps[0] == 2
    made.visible = True
    assert viewer.dims.nsteps[0] == 3
    assert viewer.dims.axis_labels[0] == "class"

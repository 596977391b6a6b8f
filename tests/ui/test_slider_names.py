"""Sliders are called what the dock takes their axes for, unless somebody has named them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.ui.steps.annotate import AnnotateStep


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

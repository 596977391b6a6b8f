"""The dock takes room from the canvas, and an image that was wholly in view still is."""

from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.ui.viewer.camera import camera_of, is_whole_in_view


@pytest.fixture
def wide(viewer, qtbot):
    """A shown window with an image that fills it from left to right."""
    window = viewer.window._qt_window
    window.resize(1200, 700)
    window.show()
    qtbot.wait(100)
    viewer.add_image(np.random.default_rng(0).uniform(size=(40, 90)), name="wide")
    viewer.reset_view()
    qtbot.wait(50)
    return viewer


def _open_dock(viewer):
    return viewer.window.add_plugin_dock_widget("napari-fcn-crf", "Segment")[1]


def test_everything_is_seen_beside_the_dock(wide, qtbot):
    zoom = camera_of(wide).zoom
    _open_dock(wide)
    qtbot.waitUntil(lambda: camera_of(wide).zoom < zoom)
    assert is_whole_in_view(wide)


def test_it_is_where_controls_have_narrowed_the_canvas_before(wide, qtbot):
    """As those of images that have several resolutions do."""
    window, camera = wide.window._qt_window, camera_of(wide)
    # napari leaves a margin of a twentieth.
    camera.zoom *= 1.04
    zoom = camera.zoom
    window.resize(window.width() - 30, window.height())
    qtbot.waitUntil(lambda: not is_whole_in_view(wide))
    _open_dock(wide)
    qtbot.waitUntil(lambda: camera_of(wide).zoom < zoom)
    assert is_whole_in_view(wide)


def test_a_camera_that_was_moved_is_left_alone(wide, qtbot):
    camera = camera_of(wide)
    camera.center = (0, *np.add(camera.center[-2:], (0, 7)))
    before = camera.center, camera.zoom
    _open_dock(wide)
    qtbot.waitUntil(lambda: not is_whole_in_view(wide))
    qtbot.wait(200)
    assert (camera.center, camera.zoom) == before

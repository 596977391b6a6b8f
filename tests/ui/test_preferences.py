"""The settings page acts on the next run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import napari_fcn_crf
from napari_fcn_crf.settings import ComputeSettings
from napari_fcn_crf.ui.panels import TrainPanel
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.steps.device import DeviceStep

MANIFEST = Path(napari_fcn_crf.__file__).parent.parent / "napari.yaml"


@pytest.fixture
def page(plugin_settings, npe2pm):
    """Our page of the Preferences, saved to a temporary folder."""
    from napari.settings import get_plugin_settings
    from npe2 import PluginManifest

    with npe2pm.tmp_plugin(manifest=PluginManifest(**yaml.safe_load(MANIFEST.read_text("utf-8")))):
        yield get_plugin_settings("napari-fcn-crf").compute


def test_defaults_are_the_settings_own(page):
    assert compute_settings() == ComputeSettings()


def test_changes_are_read_at_the_next_run(page):
    page.device = "gpu:3"
    page.backend = "torch"
    page.memory_growth = False
    page.threads = 3
    page.weights_folder = "/weights"
    page.interpreter = "/usr/bin/python3"
    assert compute_settings() == ComputeSettings(
        "gpu:3", "torch", False, 3, "/weights", "/usr/bin/python3"
    )


def test_the_dock_shows_what_is_chosen_in_preferences(page, viewer, qtbot):
    panel = TrainPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Train")
    step = panel.steps[DeviceStep]
    assert step.backend.currentData() == ComputeSettings().backend
    page.backend = "torch"
    page.device = "gpu:3"
    qtbot.waitUntil(lambda: step.device.currentData() == "gpu:3")
    assert step.backend.currentData() == "torch"


def test_without_the_page_the_defaults_serve(plugin_settings, npe2pm):
    assert compute_settings() == ComputeSettings()

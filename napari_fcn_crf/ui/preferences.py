"""The plugin's page in napari's Preferences, read afresh for every run."""

from __future__ import annotations

from dataclasses import fields

from napari_fcn_crf.settings import ComputeSettings

PLUGIN = "napari-fcn-crf"


def compute_settings() -> ComputeSettings:
    """Return where the network runs, as chosen in Preferences.

    A napari before 0.9 has no such page, and a plugin run from a script may not be registered:
    both get the defaults.
    """
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return ComputeSettings()
    try:
        chosen = get_plugin_settings(PLUGIN).compute
    except (KeyError, AttributeError):
        return ComputeSettings()
    names = [field.name for field in fields(ComputeSettings)]
    return ComputeSettings(**{name: getattr(chosen, name) for name in names})

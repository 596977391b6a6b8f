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


def change_compute_settings(**changes: str | bool) -> None:
    """Change where the network runs, in Preferences too, so that both show the same.

    Raises
    ------
    ValueError
        If this napari has no settings page for plugins.
    """
    try:
        from napari.settings import get_plugin_settings

        page = get_plugin_settings(PLUGIN).compute
    except (ImportError, KeyError, AttributeError) as error:
        raise ValueError(
            "Choosing a device needs the plugin's settings, which napari offers from 0.9 on and "
            "for installed plugins. Update napari, or install this plugin."
        ) from error
    for name, value in changes.items():
        setattr(page, name, value)

"""Preferences: the plugin's page in napari's dialog, read afresh for every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from napari_fcn_crf.settings import ComputeSettings
from napari_fcn_crf.ui.session.lifetime import follow

PLUGIN = "napari-fcn-crf"


def compute_settings() -> ComputeSettings:
    """Return where the network runs, as chosen in Preferences.

    A napari before 0.9 has no such page, and a plugin run from a script may not be registered:
    both get the defaults.
    """
    page = _page()
    if page is None:
        return ComputeSettings()
    names = [field.name for field in fields(ComputeSettings)]
    return ComputeSettings(**{name: getattr(page, name) for name in names})


def change_compute_settings(**changes: str | bool) -> None:
    """Change where the network runs, in Preferences too, so that both show the same.

    Raises
    ------
    ValueError
        If this napari has no settings page for plugins.
    """
    page = _page()
    if page is None:
        raise ValueError(
            "Choosing a device needs the plugin's settings, which napari offers from 0.9 on and "
            "for installed plugins. Update napari, or install this plugin."
        )
    for name, value in changes.items():
        setattr(page, name, value)


def follow_compute_settings(method: Callable[..., None]) -> None:
    """Call a method of a Qt object after each change of them, for as long as the object lives."""
    page = _page()
    if page is not None:
        follow(page.events, method)


def _page() -> Any:
    """Return napari's model of the page, which it makes of `napari.yaml`; None without one."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        # By name: the class is made when napari runs.
        return getattr(get_plugin_settings(PLUGIN), "compute")  # noqa: B009
    except (KeyError, AttributeError):
        return None

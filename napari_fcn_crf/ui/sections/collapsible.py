"""Collapsible section."""

from __future__ import annotations

from superqt import QCollapsible

from napari_fcn_crf.ui.sections.qt_parts import present


def collapsible(title: str) -> QCollapsible:
    """Return a closed section for what most people need not see."""
    section = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    layout = present(section.layout())
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    present(section.content().layout()).setContentsMargins(0, 4, 0, 0)
    return section

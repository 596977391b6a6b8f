"""A section that opens and closes."""

from __future__ import annotations

from superqt import QCollapsible


def collapsible(title: str) -> QCollapsible:
    """Return a closed section for what most people need not see."""
    section = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    section.layout().setContentsMargins(0, 0, 0, 0)
    section.content().layout().setContentsMargins(0, 4, 0, 0)
    return section

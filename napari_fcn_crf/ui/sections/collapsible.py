"""Collapsible section."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from superqt import QCollapsible

from napari_fcn_crf.ui.sections.qt_parts import present


def collapsible(title: str) -> QCollapsible:
    """Return a closed section for what most people need not see."""
    section = _Collapsible(title)
    layout = present(section.layout())
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    present(section.content().layout()).setContentsMargins(0, 4, 0, 0)
    return section


class _Collapsible(QCollapsible):
    """With a title like those of steps, and not like a button, in whatever theme."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        # napari's own style gives one that is open the colour of the button to press next.
        self.toggleButton().setStyleSheet(
            "QPushButton { background: transparent; border: none; "
            "text-align: left; padding: 2px 0px; }"
        )
        self._draw_arrows()

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw_arrows()

    def _draw_arrows(self) -> None:
        """Draw them in the text's colour, which is the theme's only once the section is shown."""
        self.setCollapsedIcon("▸")
        self.setExpandedIcon("▾")

"""The question mark beside a step's title opens the page on it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Qt, QUrl, Slot
from qtpy.QtGui import QDesktopServices

from napari_fcn_crf.ui.sections.help_button import DOCUMENTATION
from napari_fcn_crf.ui.steps.refine import RefineStep

DOCS = Path(__file__).parents[2] / "docs"


class Browser(QObject):
    """What the desktop opens pages in."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toString())


def test_every_step_opens_its_page(panel, qtbot):
    browser = Browser()
    shown = [step for step in panel.steps.values() if step.help_button.isVisibleTo(panel)]
    assert len(shown) >= 6
    QDesktopServices.setUrlHandler("https", browser, "open")
    try:
        for step in shown:
            panel.steps_view.ensureWidgetVisible(step.help_button)
            qtbot.mouseClick(step.help_button, Qt.MouseButton.LeftButton)
    finally:
        QDesktopServices.unsetUrlHandler("https")
    pages = [url.removeprefix(f"{DOCUMENTATION}/") for url in browser.opened]
    assert len(pages) == len(shown)
    assert all((DOCS / page).with_suffix(".md").is_file() for page in pages)
    assert pages[shown.index(panel.steps[RefineStep])] == "refinement.html"

"""The question mark beside a step's title opens the page on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from qtpy.QtCore import QObject, Qt, QUrl, Slot
from qtpy.QtGui import QDesktopServices, QTextDocument

from napari_fcn_crf.ui.sections import help_button
from napari_fcn_crf.ui.sections.help_pages import HelpPages, plain_page
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


def _click(panel, step, qtbot) -> None:
    panel.steps_view.ensureWidgetVisible(step.help_button)
    qtbot.mouseClick(step.help_button, Qt.MouseButton.LeftButton)


@pytest.mark.own_window
def test_every_step_opens_its_page_without_a_network(panel, viewer, qtbot):
    shown = [step for step in panel.steps.values() if step.help_button.isVisibleTo(panel)]
    assert len(shown) >= 6
    opened = []
    for step in shown:
        _click(panel, step, qtbot)
        (pages,) = viewer.window._qt_window.findChildren(HelpPages)
        assert pages.isVisible()
        opened.append(Path(pages.source().toLocalFile()))
        heading = opened[-1].read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert pages.toPlainText().startswith(heading)
    assert opened[shown.index(panel.steps[RefineStep])] == DOCS / "refinement.md"
    # Links lead on, and pictures are there.
    pages.setSource(QUrl("tutorial.md"))
    assert "Live" in pages.toPlainText()
    picture = pages.document().resource(
        QTextDocument.ResourceType.ImageResource,
        QUrl.fromLocalFile(str(DOCS / "images" / "4-refine.png")),
    )
    assert picture is not None
    pages.close()


def test_where_it_is_published_the_browser_opens_it(panel, qtbot, monkeypatch):
    monkeypatch.setattr(help_button, "documentation_site", lambda: "https://pages.example/here")
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "open")
    try:
        _click(panel, panel.steps[RefineStep], qtbot)
    finally:
        QDesktopServices.unsetUrlHandler("https")
    assert browser.opened == ["https://pages.example/here/refinement.html"]


def test_what_only_sphinx_knows_is_not_shown():
    for path in [*DOCS.glob("*.md"), *DOCS.glob("use/*.md")]:
        assert "```{" not in plain_page(path.read_text("utf-8")), path
    index = plain_page((DOCS / "index.md").read_text("utf-8"))
    links = re.findall(r"^\* \[.*\]\((.*)\)$", index, re.MULTILINE)
    assert len(links) > 15
    assert all((DOCS / link).is_file() for link in links)

"""Help button: a question mark that opens a page of the documentation in the browser."""

from __future__ import annotations

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QToolButton

DOCUMENTATION = "https://napari-fcn-crf.github.io/napari-fcn-crf"
"""Where the pages are; `pyproject.toml` says the same."""


class HelpButton(QToolButton):
    """A question mark that opens a page in the browser.

    Parameters
    ----------
    page : str
        Name of the page, as its file in `docs/` has it without the ending.
    about : str
        What the page is on, for the tooltip.
    """

    def __init__(self, page: str, about: str) -> None:
        super().__init__()
        self.url = f"{DOCUMENTATION}/{page}.html"
        self.setText("?")
        self.setAutoRaise(True)
        self.setToolTip(f"Open the page on {about} in the browser.")
        self.setAccessibleName(f"Help on {about}")
        self.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        QDesktopServices.openUrl(QUrl(self.url))

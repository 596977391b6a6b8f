"""Help button: a question mark that opens a page of the documentation."""

from __future__ import annotations

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QToolButton

from napari_fcn_crf.ui.sections.help_pages import HelpPages, documentation_site


class HelpButton(QToolButton):
    """A question mark that opens a page: where it is published, or as it came with the package.

    Parameters
    ----------
    page : str
        Name of the page, as its file in `docs/` has it without the ending.
    about : str
        What the page is on, for the tooltip.
    """

    def __init__(self, page: str, about: str) -> None:
        super().__init__()
        self.page = page
        self.setText("?")
        self.setAutoRaise(True)
        self.setToolTip(f"Open the page on {about}.")
        self.setAccessibleName(f"Help on {about}")
        self.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        site = documentation_site()
        if site:
            QDesktopServices.openUrl(QUrl(f"{site}/{self.page}.html"))
            return
        window = self.window()
        found = None if window is None else window.findChild(HelpPages)
        pages = found or HelpPages(window or self)
        pages.show_page(self.page)

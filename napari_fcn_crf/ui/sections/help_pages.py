"""Pages of the documentation that come with the package, shown without a network."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QTextBrowser, QWidget

_DIRECTIVE = re.compile(r"```\{([\w-]+)\} ?([^\n]*)\n(.*?)```", re.DOTALL)
_SIZE_PX = (760, 720)


def documentation_site() -> str:
    """Return where the documentation is published, as `[project.urls]` says; empty if nowhere."""
    try:
        told: list[str] = metadata("napari-fcn-crf").get_all("Project-URL") or []
    except PackageNotFoundError:
        told = []
    sites = dict(one.split(", ", 1) for one in told)
    return sites.get("Documentation", "").rstrip("/")


def page_file(name: str) -> Path:
    """Return the file of a page.

    Raises
    ------
    FileNotFoundError
        If the installation lacks it.
    """
    package = Path(__file__).parents[2]
    # An editable install finds them beside the package, a wheel within it.
    for folder in (package / "docs", package.parent / "docs"):
        file = folder / f"{name}.md"
        if file.exists():
            return file
    raise FileNotFoundError(
        f"The page {name}.md is missing from {package / 'docs'}. Install napari-fcn-crf anew."
    )


class HelpPages(QTextBrowser):
    """A window with a page; its links lead to others."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.Window)
        self.setWindowTitle("FCN-CRF")
        self.setOpenExternalLinks(True)
        self.resize(*_SIZE_PX)

    def show_page(self, name: str) -> None:
        """Show a page, in front of all windows."""
        file = QUrl.fromLocalFile(str(page_file(name)))
        self.setSource(file, QTextDocument.ResourceType.MarkdownResource)
        self.show()
        self.raise_()

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Return a page without what only Sphinx knows; pictures as they are."""
        path = Path(name.toLocalFile())
        if path.suffix == ".md" and path.is_file():
            return plain_page(path.read_text("utf-8"))
        return super().loadResource(kind, name)


@cache
def plain_page(text: str) -> str:
    """Return a page's Markdown with lists for tables of contents, and notes for what is made."""

    def replaced(found: re.Match[str]) -> str:
        kind, what, body = found.groups()
        if kind == "toctree":
            lines = (line.strip() for line in body.splitlines())
            names = [line for line in lines if line and not line.startswith(":")]
            return "\n".join(f"* [{one.replace('_', ' ')}]({one}.md)" for one in names)
        about = what.rpartition("/")[2]
        return f"*({about or kind}: see the documentation that `make docs` builds.)*"

    return _DIRECTIVE.sub(replaced, text)

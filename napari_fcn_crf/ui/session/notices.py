"""Notices: what there is to say, in a short notification of napari's and in full in the dock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

Severity = Literal["info", "warning", "error"]

_SHOW = {"info": show_info, "warning": show_warning, "error": show_error}


@dataclass(frozen=True)
class Notice:
    """One thing said.

    Parameters
    ----------
    text : str
        Of which a notification shows the first forty characters or so: they have to carry it.
    severity : {"info", "warning", "error"}
    """

    text: str
    severity: Severity


class Board(QObject):
    """Where notices are told; each dock shows them.

    Attributes
    ----------
    told : Signal of Notice
    """

    told = Signal(object)


def board() -> Board:
    """Return the application's board, made on first use."""
    application = QApplication.instance()
    if application is None:
        raise RuntimeError("Expected a running application, but there is none.")
    found = application.findChild(Board)
    return found if isinstance(found, Board) else Board(application)


def tell(text: str, severity: Severity = "info") -> None:
    """Say something; on the main thread."""
    _SHOW[severity](text)
    board().told.emit(Notice(text, severity))


def tell_error(error: Exception) -> None:
    """Say why something could not be done."""
    tell(str(error) or type(error).__name__, "error")

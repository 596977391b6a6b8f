"""Opener: reads files in a thread, beside whatever work is under way, and hands them over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

from napari_fcn_crf.ui.session.activity import Activity
from napari_fcn_crf.ui.session.notices import tell_error


class Opener(QObject):
    """Reads one thing at a time; of what is asked for meanwhile, the last comes next."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._activity: Activity | None = None
        self._show: Callable[[Any], None] = lambda _: None
        self._next: tuple[str, Callable[[], Any], Callable[[Any], None]] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether something is being read."""
        return self._activity is not None

    def open(self, title: str, read: Callable[[], Any], show: Callable[[Any], None]) -> None:
        """Read something in a thread, then show it on the main thread.

        Parameters
        ----------
        title : str
            Of the bar in napari's activity dock.
        read : callable
            Runs in a thread.
        show : callable
            Given what was read.
        """
        if self._activity is not None:
            self._next = title, read, show
            return
        self._show = show
        activity = Activity("open", title, lambda _: read(), lambda: None, self)
        activity.returned.connect(self._on_returned)
        activity.failed.connect(self._on_failed)
        self._activity = activity
        activity.start()

    def _on_returned(self, found: object) -> None:
        try:
            self._show(found)
        except (ValueError, TypeError, OSError) as error:
            tell_error(error)
        self._go_on()

    def _on_failed(self, error: Exception) -> None:
        tell_error(error)
        self._go_on()

    def _go_on(self) -> None:
        ended, self._activity = self._activity, None
        if ended is not None:
            ended.deleteLater()
        following, self._next = self._next, None
        if following is not None:
            self.open(*following)

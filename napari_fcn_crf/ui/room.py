"""Room for the dock: an image that was wholly in view before it was opened still is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.viewer.camera import camera_of, is_as_opened, is_whole_in_view

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SETTLE_MS = 50


class Room(QObject):
    """Lets napari show everything again where the dock, once shown or wider, covers a part of it.

    A camera that somebody has moved is left alone.

    Parameters
    ----------
    viewer : Viewer
    dock : QWidget
        Not shown yet.
    """

    def __init__(self, viewer: Viewer, dock: QWidget) -> None:
        super().__init__(dock)
        self._viewer = viewer
        self._before = self._view() if is_as_opened(viewer) else None
        self._refit_soon = one_shot(self, _SETTLE_MS, self._refit)
        if self._before is not None:
            dock.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Wait until the window has its new layout."""
        if event is not None and event.type() in (QEvent.Type.Show, QEvent.Type.Resize):
            self._refit_soon.start()
        return super().eventFilter(watched, event)

    def _refit(self) -> None:
        if self._view() == self._before and not is_whole_in_view(self._viewer):
            self._viewer.reset_view()
            self._before = self._view()

    def _view(self) -> tuple[object, ...]:
        """Return what is looked at, and where: layers that are added are looked at anew."""
        camera = camera_of(self._viewer)
        return camera.center, camera.zoom, self._viewer.dims.ndisplay

"""Live preview of the objects that Split would number, following the size of the smallest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_fcn_crf.ui.actions.split_actions import ToSplit, to_split
from napari_fcn_crf.ui.session.last_wish import LastWish
from napari_fcn_crf.ui.session.lifetime import at_end_of, emit, follow
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot, update_after
from napari_fcn_crf.ui.viewer import preview_layers
from napari_fcn_crf.ui.viewer.layer_picture import ShownPlane, picture_of, shown_plane

if TYPE_CHECKING:
    from napari_fcn_crf.results.instances import Grown

_DELAY_MS = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Frame:
    """A request: which plane, and how small an object may be there."""

    given: ToSplit
    shown: ShownPlane
    minimum_px: int | None


class SplitPreview(QObject):
    """Numbers the objects of the plane that is shown, in a thread.

    They have grown once for each plane; another size only joins them anew. The last size that was
    asked for is the next frame.

    Parameters
    ----------
    session : Session
    chosen : callable
        Returns the class and the size of this moment; None if there is no class.
    owner : QWidget
        With which it ends.

    Attributes
    ----------
    shown : Signal of int
        A frame is on the screen, with so many objects.
    """

    _done = Signal(object, object)
    _failed = Signal(object)
    shown = Signal(int)

    def __init__(
        self,
        session: Session,
        chosen: Callable[[], tuple[int, int | None] | None],
        owner: QWidget,
    ) -> None:
        super().__init__(owner)
        self._session, self._chosen = session, chosen
        self._enabled = False
        self._layer: Labels | None = None
        self._wanted: LastWish[_Frame] = LastWish()
        self._thread: threading.Thread | None = None
        self._soon = one_shot(self, _DELAY_MS, self._send)
        self._done.connect(self._show)
        self._failed.connect(tell_error)
        follow(session.viewer.dims.events.point, self.request)
        follow(session.viewer.dims.events.order, self._on_other_axes_shown)
        update_after(self.request, session.results.changed, session.runner.changed)
        at_end_of(self, self._end)

    def set_enabled(self, enabled: bool) -> None:
        """Start or stop; a preview that is stopped is removed."""
        self._enabled = enabled
        if enabled:
            self.request()
        else:
            self._remove_layer()

    def request(self, event: object = None) -> None:
        """Ask for a new frame, soon."""
        if self._enabled and not self._soon.isActive():
            self._soon.start()

    def _on_other_axes_shown(self, event: object = None) -> None:
        self._remove_layer()
        self.request()

    def _send(self) -> None:
        chosen = self._chosen()
        if not self._enabled or chosen is None or self._session.runner.activity is not None:
            return
        value, minimum_px = chosen
        try:
            given = to_split(self._session, value)
            shown = shown_plane(self._session.viewer, given.image, picture_of(given.image))
        except ValueError as error:
            _log.debug("no preview: %s", error)
            return
        self._wanted.put(_Frame(given, shown, minimum_px))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fcn-crf split", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        grown: Grown | None = None
        of: tuple[object, ...] = ()
        while (frame := self._wanted.take()) is not None:
            try:
                wanted = frame.given.key, frame.shown.index
                if wanted != of:
                    grown, of = frame.given.grown(frame.shown.index), wanted
                if not self._wanted.is_there:
                    found = None if grown is None else grown.at_least(frame.minimum_px)
                    emit(self, "_done", frame, found)
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                of = ()
                emit(self, "_failed", error)

    def _show(self, frame: _Frame, found: np.ndarray | None) -> None:
        from napari_fcn_crf.crf.live.region import Region

        image: Image = frame.given.image
        viewer = self._session.viewer
        if not self._enabled or image not in viewer.layers:
            return
        if found is None:
            self._remove_layer()
            self.shown.emit(0)
            return
        if self._layer is None or self._layer not in viewer.layers:
            active = viewer.layers.selection.active
            self._layer = preview_layers.add_preview(viewer, image, None)
            viewer.layers.selection.active = active
            self._session.screen.arrange(image, "preview", self._layer)
        rows, columns = found.shape
        region = Region((0, rows), (0, columns), 1)
        preview_layers.place_region(self._layer, image, found, region, frame.shown)
        self.shown.emit(int(found.max(initial=0)))

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
            self._session.screen.bring_back()

    def _end(self) -> None:
        self._wanted.close()

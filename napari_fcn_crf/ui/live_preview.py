"""The refinement of what is on the screen, following the sliders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer, Signal

from napari_fcn_crf.images import drop_alpha, split_channels
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui import preview_layers
from napari_fcn_crf.ui.camera import camera_of
from napari_fcn_crf.ui.refinement_input import RefinementInput, RefinementOptions, gather
from napari_fcn_crf.ui.session import Session

if TYPE_CHECKING:
    from napari_fcn_crf.crf.region import Region, RegionRefiner

_DEBOUNCE_MS = 30
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Frame:
    """A request: what to refine, where, and how."""

    given: RefinementInput
    corners: np.ndarray
    settings: CRFSettings


@dataclass(frozen=True)
class _Picture:
    """An answer: labels of a region."""

    frame: _Frame
    region: Region
    labels: np.ndarray


class LivePreview(QObject):
    """Refines the visible region in a thread; each request cancels the one before.

    Parameters
    ----------
    session : Session
    settings : callable
        Returns the CRF settings of this moment.
    options : callable
        Returns the `RefinementOptions` of this moment.
    """

    _done = Signal(object)
    _failed = Signal(object)
    shown = Signal()

    def __init__(
        self,
        session: Session,
        settings: Callable[[], CRFSettings],
        options: Callable[[], RefinementOptions],
    ) -> None:
        super().__init__()
        self._session = session
        self._settings = settings
        self._options = options
        self._enabled = False
        self._layer: Labels | None = None
        self._given: RefinementInput | None = None
        self._wanted: _Frame | None = None
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._debounce = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._debounce.timeout.connect(self._send)
        self._done.connect(self._show)
        self._failed.connect(self._on_failed)
        camera_of(session.viewer).events.connect(self.request)
        session.viewer.dims.events.point.connect(self.request)
        self.destroyed.connect(_ending(self._condition, self))

    def set_enabled(self, enabled: bool) -> None:
        """Start or stop following."""
        self._enabled = enabled
        if enabled:
            self.source_changed()
        else:
            self._remove_layer()

    def source_changed(self) -> None:
        """Read the layers anew: image, source, annotation or options are others."""
        self._given = None
        self.request()

    def request(self, event: Any = None) -> None:
        """Ask for a new picture, soon."""
        if self._enabled and self._session.activity is None:
            self._debounce.start()

    def _send(self) -> None:
        image = self._session.image
        if not self._enabled or image is None or not self._session.sources:
            return
        try:
            if self._given is None or image.ndim > 2:
                self._given = gather(self._session, self._options())
        except ValueError as error:
            _log.debug("no preview: %s", error)
            return
        with self._condition:
            self._wanted = _Frame(self._given, image.corner_pixels.copy(), self._settings())
            self._condition.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fcn-crf preview", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        refiner: RegionRefiner | None = None
        refined_input: RefinementInput | None = None
        while (frame := self._next()) is not None:
            try:
                if refined_input is not frame.given:
                    refiner, values, shape = _prepare(frame.given)
                    refined_input = frame.given
                picture = self._refine(frame, refiner, values, shape)
                if self._wanted is None:
                    self._done.emit(picture)
            except RuntimeError:
                return  # the widget was deleted meanwhile
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                refined_input = None
                self._failed.emit(error)

    def _next(self) -> _Frame | None:
        with self._condition:
            while self._wanted is None and not self._closed:
                self._condition.wait()
            frame, self._wanted = self._wanted, None
            return None if self._closed else frame

    def _refine(
        self, frame: _Frame, refiner: Any, values: np.ndarray, shape: tuple[int, int]
    ) -> _Picture:
        from napari_fcn_crf.crf.region import Region

        low, high = frame.corners[:, -2:]
        region = Region.visible(tuple(low), tuple(high + 1), shape)
        classes = refiner.refine(region, frame.settings, lambda: self._wanted is not None)
        return _Picture(frame, region, values[classes])

    def _show(self, picture: _Picture) -> None:
        image = picture.frame.given.image
        if not self._enabled or image not in self._session.viewer.layers:
            return
        viewer = self._session.viewer
        if self._layer is None or self._layer not in viewer.layers:
            active = viewer.layers.selection.active
            self._layer = preview_layers.add_preview(viewer, image, self._session.annotation)
            viewer.layers.selection.active = active
        preview_layers.place_region(self._layer, image, picture.labels, picture.region)
        self.shown.emit()

    def _on_failed(self, error: Exception) -> None:
        show_error(str(error) or type(error).__name__)

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)


def _prepare(given: RefinementInput) -> tuple[RegionRefiner, np.ndarray, tuple[int, int]]:
    from napari_fcn_crf.crf.region import RegionRefiner

    arrays = given.arrays()
    shape = arrays.probabilities.shape[1:]
    channels_last, _ = split_channels(arrays.image, shape)
    image = arrays.plane.apply(drop_alpha(channels_last))
    return RegionRefiner(image, arrays.probabilities, arrays.annotated), arrays.values, shape


def _ending(condition: threading.Condition, preview: LivePreview) -> Callable[..., None]:
    def end(*_: object) -> None:
        with condition:
            preview._closed = True
            condition.notify()

    return end

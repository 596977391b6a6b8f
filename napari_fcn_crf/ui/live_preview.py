"""The refinement of what is on the screen, following the sliders."""

from __future__ import annotations

import logging
import threading
import time
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

_DELAY_MS = 10
_REST_MS = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Frame:
    """A request: what to refine, where, how, and whether nothing moves any more."""

    given: RefinementInput
    corners: np.ndarray
    settings: CRFSettings
    at_rest: bool


@dataclass(frozen=True)
class _Picture:
    """An answer: labels of a region."""

    frame: _Frame
    region: Region
    labels: np.ndarray


class LivePreview(QObject):
    """Refines the visible region in a thread.

    While something moves, frames are as coarse as they must be to follow it, and the last position
    is the next frame. When it rests, a frame at full resolution follows, which the next movement
    cancels.

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
        self._follows = False
        self._soon = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._soon.timeout.connect(self._send_moving)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(lambda: self._send(at_rest=True))
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
            self._rest.start()
            # Not begun anew: a slider that never stops would never be followed.
            if not self._soon.isActive():
                self._soon.start()

    def _send_moving(self) -> None:
        if self._follows:
            self._soon.start()
        else:
            self._send(at_rest=False)

    def _send(self, *, at_rest: bool) -> None:
        image, idle = self._session.image, self._session.activity is None
        if not self._enabled or not idle or image is None or not self._session.sources:
            return
        try:
            if self._given is None or image.ndim > 2:
                self._given = gather(self._session, self._options())
        except ValueError as error:
            _log.debug("no preview: %s", error)
            return
        with self._condition:
            corners, settings = image.corner_pixels.copy(), self._settings()
            self._wanted = _Frame(self._given, corners, settings, at_rest)
            self._follows = not at_rest
            self._condition.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fcn-crf preview", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        from napari_fcn_crf.crf.pace import Pace
        from napari_fcn_crf.crf.region import Region

        refiner: RegionRefiner | None = None
        refined_input: RefinementInput | None = None
        pace = Pace()
        shown: tuple[Region, CRFSettings] | None = None
        while (frame := self._next()) is not None:
            try:
                if refined_input is not frame.given:
                    refiner, values, shape = _prepare(frame.given)
                    refined_input, shown = frame.given, None
                low, high = frame.corners[:, -2:]
                full = Region.visible(tuple(low), tuple(high + 1), shape)
                region = full if frame.at_rest else full.coarser(pace.coarser(full.pixels))
                if shown == (region, frame.settings):
                    continue
                started = time.perf_counter()
                stop = self._is_something_wanted if frame.at_rest else None
                classes = refiner.refine(region, frame.settings, stop)
                if not frame.at_rest or self._wanted is None:
                    pace.took(region.pixels, time.perf_counter() - started)
                    shown = region, frame.settings
                    self._done.emit(_Picture(frame, region, values[classes]))
            except RuntimeError:
                return  # the widget was deleted meanwhile
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                refined_input = None
                self._failed.emit(error)
            finally:
                self._follows = False

    def _next(self) -> _Frame | None:
        with self._condition:
            while self._wanted is None and not self._closed:
                self._condition.wait()
            frame, self._wanted = self._wanted, None
            return None if self._closed else frame

    def _is_something_wanted(self) -> bool:
        return self._wanted is not None

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
    values = arrays.values
    if values.min() >= 0 and values.max() < 256:
        # What napari shows without converting it.
        values = values.astype(np.uint8)
    return RegionRefiner(image, arrays.probabilities, arrays.annotated), values, shape


def _ending(condition: threading.Condition, preview: LivePreview) -> Callable[..., None]:
    def end(*_: object) -> None:
        with condition:
            preview._closed = True
            condition.notify()

    return end

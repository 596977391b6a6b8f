"""Live preview: the refinement of what is on the screen, following the sliders."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions.refinement_input import (
    Arrays,
    RefinementInput,
    RefinementOptions,
    Whole,
    gather,
)
from napari_fcn_crf.ui.session.last_wish import LastWish
from napari_fcn_crf.ui.session.lifetime import at_end_of, emit, follow
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot, update_after
from napari_fcn_crf.ui.viewer import preview_layers
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.layer_picture import ShownPlane, shown_plane

if TYPE_CHECKING:
    from napari_fcn_crf.crf.live.region import Region, RegionRefiner

_DELAY_MS = 10
_REST_MS = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Frame:
    """A request: what to refine, where, how, and whether nothing moves any more.

    `version` is another one after each change of the layers or options.
    """

    given: RefinementInput
    version: int
    shown: ShownPlane
    axes_shown: tuple[int, ...]
    settings: CRFSettings
    at_rest: bool


@dataclass(frozen=True)
class _Picture:
    """An answer: labels of a region."""

    frame: _Frame
    region: Region
    labels: np.ndarray


@dataclass(frozen=True)
class _Part:
    """What to refine: the slice that is shown."""

    arrays: Arrays
    refiner: RegionRefiner

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.arrays.probabilities.shape[-2:]
        return rows, columns

    @property
    def values(self) -> np.ndarray:
        """Label value of each class, in what napari shows without converting it if it can be."""
        values = self.arrays.values
        return values.astype(np.uint8) if values.min() >= 0 and values.max() < 256 else values


class _Source:
    """What the thread keeps between frames: the whole of a stack, and the slice that is shown."""

    def __init__(self) -> None:
        self._frame: _Frame | None = None
        self._whole: Whole | None = None
        self._part: _Part | None = None

    def turn_to(self, frame: _Frame) -> _Part:
        """Return what to refine for a frame; what is not there is read."""
        from napari_fcn_crf.crf.live.region import RegionRefiner

        last, self._frame = self._frame, None
        is_same_version = last is not None and last.version == frame.version
        given_before = None if last is None else last.given
        if not is_same_version and not frame.given.has_whole_of(given_before):
            self._whole, self._part = frame.given.whole(), None
        is_same_slice = last is not None and last.given.index == frame.given.index
        before, self._frame = self._part, frame
        if before is not None and is_same_slice and is_same_version:
            return before
        arrays = frame.given.arrays(self._whole)
        if before is not None and is_same_slice and _are_alike(arrays, before.arrays):
            refiner = before.refiner
        else:
            refiner = RegionRefiner(arrays.mapped(), arrays.probabilities, arrays.annotated)
        self._part = _Part(arrays, refiner)
        return self._part


def _are_alike(one: Arrays, other: Arrays) -> bool:
    """Whether the same pixels of two slices are annotated, or none of both."""
    if one.annotated is None or other.annotated is None:
        return one.annotated is other.annotated
    return np.array_equal(one.annotated, other.annotated)


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
    owner : QWidget
        With which it ends.
    """

    _done = Signal(object)
    _failed = Signal(object, object)
    shown = Signal()

    def __init__(
        self,
        session: Session,
        settings: Callable[[], CRFSettings],
        options: Callable[[], RefinementOptions],
        owner: QWidget,
    ) -> None:
        super().__init__(owner)
        self._session = session
        self._settings = settings
        self._options = options
        self._enabled = False
        self._layer: Labels | None = None
        self._version = 0
        self._wanted: LastWish[_Frame] = LastWish()
        self._thread: threading.Thread | None = None
        self._follows = False
        self._told: tuple[object, ...] = ()
        self._soon = one_shot(self, _DELAY_MS, self._send_moving)
        self._rest = one_shot(self, _REST_MS, self._send_resting)
        self._done.connect(self._show)
        self._failed.connect(self._on_failed)
        follow(camera_of(session.viewer).events, self.request)
        dims = session.viewer.dims.events
        follow(dims.point, self.request)
        for event in (dims.order, dims.ndisplay):
            follow(event, self._on_other_axes_shown)
        selection = session.selection
        update_after(
            self.source_changed,
            selection.image_changed,
            selection.sources_changed,
            selection.annotation_changed,
            session.meaning.changed,
            selection.layers_changed,
            session.runner.changed,
        )
        at_end_of(self, self._end)

    def set_enabled(self, enabled: bool) -> None:
        """Start or stop following; a preview that is stopped is removed."""
        if enabled == self._enabled:
            return
        self._enabled, self._told = enabled, ()
        if enabled:
            self.source_changed()
        else:
            self._remove_layer()

    def source_changed(self) -> None:
        """Read the layers anew: image, source, annotation or options are others."""
        self._version += 1
        self.request()

    def request(self, event: object = None) -> None:
        """Ask for a new picture, soon."""
        if self._enabled and self._session.runner.activity is None:
            self._rest.start()
            # Not begun anew: a slider that never stops would never be followed.
            if not self._soon.isActive():
                self._soon.start()

    def _on_other_axes_shown(self, event: object = None) -> None:
        """Show nothing across what it lies along, until there is something of the new plane."""
        self._remove_layer()
        self.request()

    def _axes_shown(self) -> tuple[int, ...]:
        return tuple(self._session.viewer.dims.displayed)

    def _send_moving(self) -> None:
        if self._follows:
            self._soon.start()
        else:
            self._send(at_rest=False)

    def _send_resting(self) -> None:
        self._send(at_rest=True)

    def _send(self, *, at_rest: bool) -> None:
        selection, idle = self._session.selection, self._session.runner.activity is None
        image = selection.image
        if not self._enabled or not idle or image is None or not selection.sources:
            return
        try:
            options = replace(self._options(), extent="slice", within=None)
            given = gather(self._session, options)
            shown = shown_plane(self._session.viewer, image, given.picture)
        except ValueError as error:
            _log.debug("no preview: %s", error)
            return
        self._follows = not at_rest
        self._wanted.put(
            _Frame(given, self._version, shown, self._axes_shown(), self._settings(), at_rest)
        )
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fcn-crf preview", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        from napari_fcn_crf.crf.live.pace import Pace
        from napari_fcn_crf.crf.live.region import Region

        source, pace = _Source(), Pace()
        shown: tuple[RegionRefiner, Region, CRFSettings, int] | None = None
        while (frame := self._wanted.take()) is not None:
            try:
                part = source.turn_to(frame)
                low, high = frame.shown.corners
                full = Region.visible(tuple(low), tuple(high + 1), part.shape)
                region = full if frame.at_rest else full.coarser(pace.coarser(full.pixels))
                wanted = part.refiner, region, frame.settings, frame.version
                if shown == wanted:
                    continue
                started = time.perf_counter()
                stop = self._is_something_wanted if frame.at_rest else None
                classes = part.refiner.refine(region, frame.settings, stop)
                if not frame.at_rest or not self._wanted.is_there:
                    pace.took(region.pixels, time.perf_counter() - started)
                    shown = wanted
                    emit(self, "_done", _Picture(frame, region, part.values[classes]))
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                shown = None
                emit(self, "_failed", frame, error)
            finally:
                self._follows = False

    def _is_something_wanted(self) -> bool:
        return self._wanted.is_there

    def _show(self, picture: _Picture) -> None:
        image = picture.frame.given.image
        if not self._enabled or image not in self._session.viewer.layers:
            return
        if self._told and picture.frame.settings != self._told[0]:
            self._told = ()
        viewer, shown = self._session.viewer, picture.frame.shown
        if self._axes_shown() != picture.frame.axes_shown:
            return
        if self._layer is None or self._layer not in viewer.layers:
            active = viewer.layers.selection.active
            self._layer = preview_layers.add_preview(
                viewer, image, self._session.selection.annotation
            )
            viewer.layers.selection.active = active
            self._session.screen.arrange(image, "preview", self._layer)
        preview_layers.place_region(self._layer, image, picture.labels, picture.region, shown)
        self.shown.emit()

    def _end(self) -> None:
        self._wanted.close()

    def _on_failed(self, frame: _Frame, error: Exception) -> None:
        """Tell once of settings and layers that cannot be refined, not with each frame."""
        told = frame.settings, frame.given.image, self._session.selection.sources, type(error)
        if told != self._told:
            self._told = told
            tell_error(error)

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)
            self._session.screen.bring_back()

"""Live: the refined labels of what is shown, anew after each stroke."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.compute.parent.service import Job
from napari_fcn_crf.results.uncertainty import WINDOW_SIGMA_PX
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.session.choices import Choices
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.lifetime import at_end_of, emit, follow
from napari_fcn_crf.ui.session.live_planes import LivePlanes, Whole
from napari_fcn_crf.ui.session.live_question import LiveQuestion, Sent
from napari_fcn_crf.ui.session.live_status import LiveStatus
from napari_fcn_crf.ui.session.live_worker import LiveWorker, Told
from napari_fcn_crf.ui.session.notices import tell_error
from napari_fcn_crf.ui.session.pair_list import PairList
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.runner import Runner
from napari_fcn_crf.ui.session.screen import Screen
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.stroke_watch import StrokeWatch
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.viewer import live_layer
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from napari_fcn_crf.ui.viewer.place_mark import outline_place

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fcn_crf.compute.plane_features import PlaneFeatures
    from napari_fcn_crf.live.follower import Asked

_DELAY_MS = 5
_REST_MS = 200

_ASKED_FOR = frozenset({"segment", "train", "predict", "refine", "uncertainty", "cleanup"})
"""Kinds of work whose results are shown instead."""


class Live(QObject):
    """Follows the strokes while it is on.

    What is seen comes first, the whole slice when the brush rests. A stroke in the meantime cancels
    what is being computed, and whatever was asked before. Features live in this process: see
    `PlaneFeatures`.

    Attributes
    ----------
    changed : Signal
        It is on or off, or has something else to say.
    switched : Signal
        It is on or off.
    shown : Signal
        Other labels are on the screen.
    """

    changed = Signal()
    switched = Signal()
    shown = Signal()
    _told = Signal(object)

    def __init__(
        self,
        viewer: Viewer,
        selection: Selection,
        pairs: PairList,
        meaning: LabelMeaning,
        choices: Choices,
        runner: Runner,
        screen: Screen,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._selection, self._pairs = viewer, selection, pairs
        self._runner, self._screen = runner, screen
        self._question = LiveQuestion(viewer, selection, pairs, meaning, choices)
        self._worker: LiveWorker | None = None
        self._status = LiveStatus(self)
        self._status.changed.connect(self.changed)
        self._sent: Sent | None = None
        self._answered: Asked | None = None
        self._layer: Labels | None = None
        self._watch = StrokeWatch(viewer, self)
        self._watch.painted.connect(self._on_painted)
        self._watch.drawn.connect(self.request)
        self._watch.pixels_changed.connect(self._on_pixels_changed)
        self._strokes: object = None
        self._planes = LivePlanes()
        self._place: tuple[int, ...] | None = None
        self._aside_for: object = None
        self._is_aside, self._work = False, ""
        self._painted_at = self._latency_s = 0.0
        self._soon = one_shot(self, _DELAY_MS, self._send_seen)
        self._rest = one_shot(self, _REST_MS, self._send_whole)
        self._told.connect(self._on_told)
        follow(camera_of(viewer).events, self._on_moved)
        for event in (
            viewer.dims.events.point,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
        ):
            follow(event, self._on_moved)
        for signal in (
            selection.image_changed,
            selection.annotation_changed,
            selection.layers_changed,
            pairs.changed,
            meaning.changed,
        ):
            signal.connect(self._on_selection_changed)
        choices.training_changed.connect(self.request)
        choices.crf_changed.connect(self.request)
        runner.changed.connect(self._on_work_changed)
        at_end_of(self, self._end)

    @property
    def is_on(self) -> bool:
        """Whether it follows."""
        return self._worker is not None

    @property
    def status(self) -> str:
        """What it does, or what it waits for, in a line."""
        return self._status.text

    @property
    def layer(self) -> Labels | None:
        """The layer that it shows labels in."""
        return self._layer

    @property
    def place(self) -> tuple[int, ...] | None:
        """Where one more stroke helps most, as an index of the image; None where it is unknown."""
        return self._place

    @property
    def latency_s(self) -> float:
        """How long after the last stroke its labels were there."""
        return self._latency_s

    @property
    def is_complete(self) -> bool:
        """Whether the slice that is shown has the labels of all strokes, at each pixel."""
        sent = self._sent
        if sent is None or self._rest.isActive() or self._answered is not sent.asked:
            return False
        return sent.asked.index in self._planes

    def begin(self) -> None:
        """Follow from now on."""
        if self._worker is not None:
            return
        self._worker = LiveWorker(self._start_job, lambda told: emit(self, "_told", told))
        self._is_aside = False
        annotation = self._selection.annotation
        if annotation is not None and annotation in self._viewer.layers:
            self._viewer.layers.selection.active = annotation
            if annotation.mode == "pan_zoom":
                annotation.mode = "paint"
        self._watch_strokes()
        self._runner.prepare()
        self.request()
        self.changed.emit()
        self.switched.emit()

    def end(self) -> Whole | None:
        """Follow no longer, remove the layer, and return what there is of whole planes."""
        if self._worker is None:
            return None
        whole = self._whole()
        self._worker.close()
        self._worker = None
        for timer in (self._soon, self._rest):
            timer.stop()
        self._forget_labels()
        self._watch.forget()
        self._status.say("")
        self._sent = None
        self.changed.emit()
        self.switched.emit()
        return whole

    def request(self, event: object = None) -> None:
        """Bring the labels up to date, soon."""
        if self._worker is not None:
            self._rest.start()
            if not self._soon.isActive():
                self._soon.start()

    def _start_job(self, plane: np.ndarray, settings: TrainingSettings) -> Job[PlaneFeatures]:
        return self._runner.service.features(plane, settings)

    def _send_seen(self) -> None:
        self._send(at_rest=False)

    def _send_whole(self) -> None:
        if self._sent is not None and self._answered is not self._sent.asked:
            # It would cancel what is to be on the screen first.
            self._rest.start()
            return
        self._send(at_rest=True)

    def _send(self, *, at_rest: bool) -> None:
        if self._worker is None:
            return
        try:
            sent = self._question.ask(at_rest=at_rest)
        except (ValueError, TypeError) as error:
            self._status.say(str(error))
            return
        idle = self._runner.activity is None
        if idle:
            self._runner.service.configure(compute_settings())
        self._sent = sent
        self._worker.ask(sent.asked, may_compute=idle)

    def _on_told(self, told: Told) -> None:
        sent = self._sent
        if self._worker is None or sent is None or sent.image not in self._viewer.layers:
            return
        if told.error is not None:
            self._on_failed(told.error)
            return
        self._answered = told.asked
        is_latest = told.asked is sent.asked
        same = told.asked.painted[0].key == sent.asked.painted[0].key
        if told.strokes != self._strokes:
            self._strokes = told.strokes
            self._planes.clear()
            self._place = None
        is_of_plane = same and told.asked.index == sent.asked.index
        if told.followed is not None and is_of_plane:
            self._show(sent, told)
        elif told.followed is not None:
            self._worker.forget()
        if same and len(told.class_values) < 2:
            self._remove_layer()
        if told.place is not None and is_of_plane:
            # It comes after the labels, when the same may have been asked again.
            self._show_place(sent, told.place)
        if is_latest or told.followed is not None:
            self._status.tell(told, self._latency_s)

    def _show(self, sent: Sent, told: Told) -> None:
        followed = told.followed
        assert followed is not None
        shape = None if told.asked.is_large else sent.shown.shape
        is_new = self._layer is None or self._layer not in self._viewer.layers
        if self._layer is not None and not is_new:
            is_of_image = our_metadata(self._layer)["image_id"] == str(sent.image.unique_id)
            if not (is_of_image and live_layer.can_show(self._layer, shape, followed.labels.dtype)):
                self._remove_layer()
                is_new = True
        if is_new:
            self._layer = live_layer.add_live(
                self._viewer,
                sent.image,
                shape,
                followed.labels.dtype,
                self._selection.annotation,
            )
        layer = self._layer
        assert layer is not None
        live_layer.show_region(
            self._viewer,
            layer,
            sent.image,
            told.asked.index,
            followed.labels,
            followed.region,
            sent.shown,
        )
        self._planes.keep(followed)
        if is_new or (self._is_aside and told.strokes != self._aside_for):
            self._is_aside = False
            self._screen.arrange(sent.image, "live", layer)
        if self._painted_at:
            # Of a stroke that had to wait for features it says nothing.
            waited = is_new or told.features_s > 0
            self._latency_s = 0.0 if waited else time.perf_counter() - self._painted_at
            self._painted_at = 0.0
        self.shown.emit()

    def _show_place(self, sent: Sent, place: tuple[int, int]) -> None:
        self._place = (*sent.asked.index, *place)
        size_px = min(4 * WINDOW_SIGMA_PX, *sent.asked.plane_shape)
        is_seen = self._layer is not None and self._layer.visible
        if is_seen:
            outline_place(self._viewer, sent.image, self._place, size_px)
        self.shown.emit()

    def _on_failed(self, error: Exception) -> None:
        """Say why it cannot go on, and be off."""
        self.end()
        tell_error(error)
        self._status.say(str(error) or type(error).__name__)

    def _on_moved(self, event: object = None) -> None:
        self.request()

    def _on_painted(self) -> None:
        if self._worker is not None:
            self._painted_at = time.perf_counter()
            self.request()

    def _on_pixels_changed(self, image: Image) -> None:
        self._question.count_as_other(image)
        self.request()

    def _on_selection_changed(self) -> None:
        if self._worker is None:
            return
        image, sent = self._selection.image, self._sent
        if sent is not None and sent.image is not image:
            self._forget_labels()
        self._watch_strokes()
        if self._layer is not None and self._selection.annotation is not None:
            colormap = self._selection.annotation.colormap
            if self._layer.colormap is not colormap:
                self._layer.colormap = colormap
        self.request()

    def _on_work_changed(self) -> None:
        activity = self._runner.activity
        if activity is not None:
            self._work = activity.kind
        if self._worker is not None and self._work in _ASKED_FOR:
            # What was asked for stays on the screen, until the next stroke.
            self._is_aside, self._aside_for = self._layer is not None, self._strokes
        if activity is None:
            self._work = ""
            self.request()

    def _watch_strokes(self) -> None:
        selection = self._selection
        self._watch.watch([(selection.image, selection.annotation), *self._pairs.layers])

    def _whole(self) -> Whole | None:
        is_there = self._layer is not None and self._layer in self._viewer.layers
        return self._planes.whole(self._sent) if is_there and self._sent is not None else None

    def _forget_labels(self) -> None:
        if self._worker is not None:
            self._worker.forget()
        self._remove_layer()
        self._planes.clear()
        self._place, self._strokes = None, None

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.close()

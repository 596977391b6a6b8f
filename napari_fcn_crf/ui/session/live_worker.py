"""Worker of the labels that follow the brush: one thread, in which the latest request wins."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_fcn_crf.compute.parent.service import ChildEndedError, Job
from napari_fcn_crf.data.lazy_intensity import sampled
from napari_fcn_crf.pipeline.training_input import fit_intensity
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.results import uncertainty

if TYPE_CHECKING:
    from napari_fcn_crf.compute.plane_features import PlaneFeatures
    from napari_fcn_crf.live.follower import Asked, Followed, Follower
    from napari_fcn_crf.live.patch import Place
    from napari_fcn_crf.settings import TrainingSettings

_TYPICAL_S_PER_PX = 4e-6
_SEARCHED_PX = 256 * 256
_log = logging.getLogger(__name__)

StartJob = Callable[[np.ndarray, "TrainingSettings"], "Job[PlaneFeatures]"]


@dataclass(frozen=True, eq=False)
class Told:
    """What the worker has to tell.

    Parameters
    ----------
    asked : Asked
        What it was asked last.
    followed : Followed, optional
        New labels; None where there are none, or they are the same still.
    class_values : tuple of int
        Of what is painted.
    features_s : float
        How long features are being computed yet, about; 0 if none are.
    is_too_large : bool
        Whether more is seen than features are computed of.
    strokes : object
        Another one after each stroke.
    place : tuple of int, optional
        Row and column where one more stroke helps most.
    error : Exception, optional
        That ends it.
    """

    asked: Asked
    followed: Followed | None = None
    class_values: tuple[int, ...] = ()
    features_s: float = 0.0
    is_too_large: bool = False
    strokes: object = None
    place: tuple[int, int] | None = None
    error: Exception | None = None


@dataclass(eq=False)
class _Computing:
    place: Place
    job: Job[PlaneFeatures]
    began: float
    expected_s: float


class LiveWorker:
    """Segments what it was asked last; features come from the compute process meanwhile.

    Parameters
    ----------
    start_job : callable
        Starts to compute the features of a plane.
    tell : callable
        Takes what there is to tell, in the worker's thread.
    """

    def __init__(self, start_job: StartJob, tell: Callable[[Told], None]) -> None:
        self._start_job = start_job
        self._tell = tell
        self._condition = threading.Condition()
        self._asked: Asked | None = None
        self._is_new = self._closed = self._may_compute = self._is_lost = False
        self._judged: Asked | None = None
        self._is_judged_other = False
        self._computing: _Computing | None = None
        self._last_key: tuple[object, ...] | None = None
        self._whole_key: tuple[object, ...] | None = None
        self._whole: Followed | None = None
        self._seconds_per_px = _TYPICAL_S_PER_PX
        self._deaths = 0
        threading.Thread(target=self._run, name="fcn-crf live", daemon=True).start()

    def ask(self, asked: Asked, *, may_compute: bool) -> None:
        """Segment something from now on, instead of what was asked before.

        Parameters
        ----------
        asked : Asked
        may_compute : bool
            Whether the compute process is free.
        """
        with self._condition:
            self._asked, self._is_new, self._may_compute = asked, True, may_compute
            self._condition.notify()

    def forget(self) -> None:
        """Tell again what was told before, if it is asked: it isn't on the screen."""
        with self._condition:
            self._is_lost = True

    def close(self) -> None:
        """End the thread, soon; nothing more is told."""
        with self._condition:
            self._closed = self._is_new = True
            self._condition.notify()

    def _run(self) -> None:
        from napari_fcn_crf.live.follower import Follower

        follower = Follower(lambda pictures: fit_intensity([sampled(one) for one in pictures])[1])
        while (asked := self._next()) is not None:
            try:
                self._turn(follower, asked)
            except Cancelled:
                continue
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                if not isinstance(error, ValueError | TypeError):
                    _log.warning("following the strokes failed", exc_info=error)
                self._last_key = self._whole_key = None
                self._tell(Told(asked, error=error))
        if self._computing is not None:
            self._computing.job.cancel()

    def _next(self) -> Asked | None:
        with self._condition:
            while not (self._closed or (self._asked is not None and self._has_news())):
                self._condition.wait()
            if self._is_lost:
                self._last_key = self._whole_key = None
            self._is_new = self._is_lost = False
            return None if self._closed else self._asked

    def _has_news(self) -> bool:
        return self._is_new or (self._computing is not None and self._computing.job.done)

    def _is_superseded(self, follower: Follower, asked: Asked) -> bool:
        """Return whether something else is asked by now: the same again does not count."""
        with self._condition:
            latest = self._asked if self._is_new else None
            if latest is None or self._closed:
                return self._closed
        if latest is not self._judged:
            self._judged, self._is_judged_other = latest, follower.is_other(latest, asked)
        return self._is_judged_other

    def _turn(self, follower: Follower, asked: Asked) -> None:
        self._take_features(follower)
        follower.turn_to(asked)
        # Before the labels: it is computed while they are.
        self._compute(follower, asked)
        if self._is_superseded(follower, asked):
            return
        told = Told(
            asked,
            class_values=follower.class_values,
            features_s=self._features_s(),
            is_too_large=follower.is_too_large(asked),
            strokes=(follower.strokes, asked.crf),
        )
        key = (id(asked.painted[0].picture.array), asked.index, *follower.key(asked))
        # Nothing that is seen is new where the whole is there.
        if key != self._last_key and (asked.at_rest or key[:-1] != self._whole_key):
            followed = follower.follow(asked, partial(self._is_superseded, follower, asked))
            if self._is_superseded(follower, asked):
                return
            told = replace(told, followed=followed)
            self._last_key = None if followed is None else key
            is_whole = followed is not None and followed.is_whole
            self._whole, self._whole_key = (followed, key[:-1]) if is_whole else (None, None)
        self._tell(told)
        whole, self._whole = (self._whole, None) if asked.at_rest else (None, self._whole)
        if whole is not None:
            # Once, and after the labels, which nobody is to wait for.
            self._tell(replace(told, followed=None, place=_most_uncertain(whole)))

    def _take_features(self, follower: Follower) -> None:
        computing = self._computing
        if computing is None or not computing.job.done:
            return
        self._computing = None
        try:
            features = computing.job.result()
        except Cancelled:
            return
        except ChildEndedError:
            self._deaths += 1
            if self._deaths > 1:
                raise
            return
        self._deaths = 0
        pixels = features.values.shape[0] * features.values.shape[1]
        took = min((time.perf_counter() - computing.began) / pixels, 1e-3)
        self._seconds_per_px += (took - self._seconds_per_px) / 2
        follower.keep(computing.place, features)

    def _compute(self, follower: Follower, asked: Asked) -> None:
        """See to it that the most urgent features are being computed."""
        wanted = follower.wanted(asked)
        if self._computing is not None:
            if self._computing.place not in wanted:
                self._computing.job.cancel()
            return
        if not wanted or not self._may_compute:
            return
        place = wanted[0]
        pixels = follower.pixels(place)
        try:
            job = self._start_job(pixels, asked.settings)
        except ValueError:
            return  # other work goes on there; the end of that is told
        expected = pixels.shape[0] * pixels.shape[1] * self._seconds_per_px
        self._computing = _Computing(place, job, time.perf_counter(), expected)
        job.when_done(self._wake)

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify()

    def _features_s(self) -> float:
        computing = self._computing
        if computing is None:
            return 0.0
        return max(0.5, computing.began + computing.expected_s - time.perf_counter())


def _most_uncertain(followed: Followed) -> tuple[int, int]:
    """Return the row and column of a plane where one more stroke helps most."""
    asked = followed.asked
    # It is a matter of windows far larger than a pixel.
    step = max(1, math.isqrt(followed.labels.size // _SEARCHED_PX))
    entropy = uncertainty.entropy(followed.probabilities[:, ::step, ::step])
    labels = asked.painted[0].labels
    annotated = None
    if labels is not None and asked.settings.labels == "scribbles":
        shape = asked.painted[0].picture.spatial_shape
        annotated = np.asarray(labels).reshape(shape)[asked.index][::step, ::step] != 0
    row, column = uncertainty.most_uncertain_position(
        entropy, annotated, uncertainty.WINDOW_SIGMA_PX / step
    )
    return row * step, column * step

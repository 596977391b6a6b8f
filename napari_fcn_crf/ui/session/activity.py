"""Activity: long work in a thread, told in signals that arrive on the main thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from napari.utils import progress
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.progress import Cancelled, OnProgress, Progress
from napari_fcn_crf.ui.session.lifetime import emit
from napari_fcn_crf.ui.session.timers import one_shot

_SHOW_MS = 100
# What ends sooner is over before anybody reads of it, and a bar takes napari a fifth of a second.
_BAR_MS = 400
_log = logging.getLogger(__name__)


class Activity(QObject):
    """One piece of long work, with its bar in napari's activity dock.

    Parameters
    ----------
    kind : str
        Which step it belongs to: "weights", "train", "predict" or "refine".
    title : str
        Shown beside the bar.
    work : callable
        Runs in a thread of its own; is given a function to report `Progress` to, and returns the
        result. It must not touch layers or widgets.
    cancel : callable
        Makes `work` end soon; called on the main thread, returns at once.
    owner : QObject
        With which it ends, unheard.

    Notes
    -----
    `progressed` tells of every report, `shown` of the latest, as often as people can read it: a
    fast training reports a hundred times a second, and each bar that is drawn takes a millisecond.
    """

    progressed = Signal(object)
    shown = Signal(object)
    returned = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        kind: str,
        title: str,
        work: Callable[[OnProgress], object],
        cancel: Callable[[], None],
        owner: QObject,
    ) -> None:
        super().__init__(owner)
        self.kind = kind
        self.title = title
        self.latest = Progress(title)
        self.is_cancelling = False
        self._has_ended = False
        self._phase_began = time.monotonic()
        self._work = work
        self._cancel = cancel
        # A daemon: napari must be able to close whatever the work is waiting for.
        self._thread = threading.Thread(target=self._run, name=f"fcn-crf {kind}", daemon=True)
        self._bar: progress | None = None
        self._show = one_shot(self, _SHOW_MS, self._show_latest)
        self._open_bar_soon = one_shot(self, _BAR_MS, self._open_bar)
        self.progressed.connect(self._on_progressed)
        self.returned.connect(self._close_bar)
        self.failed.connect(self._close_bar)

    @property
    def has_ended(self) -> bool:
        """Whether its result or its failure has been told."""
        return self._has_ended

    @property
    def phase_seconds(self) -> float:
        """For how long the work has been in the phase that it told last."""
        return time.monotonic() - self._phase_began

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        self._open_bar_soon.start()

    def cancel(self) -> None:
        """Ask the work to end."""
        if not self.is_cancelling:
            self.is_cancelling = True
            self._cancel()

    def _run(self) -> None:
        try:
            result = self._work(lambda latest: emit(self, "progressed", latest))
        except Exception as error:  # noqa: BLE001  shown to the user on the main thread
            if not isinstance(error, Cancelled | ValueError | TypeError):
                _log.warning("%s failed", self.title, exc_info=error)
            emit(self, "failed", error)
        else:
            emit(self, "returned", result)

    def _on_progressed(self, latest: Progress) -> None:
        if latest.phase != self.latest.phase:
            self._phase_began = time.monotonic()
        self.latest = latest
        if not self._show.isActive():
            self._show.start()

    def _show_latest(self) -> None:
        latest = self.latest
        self.shown.emit(latest)
        bar = self._bar
        if bar is not None:
            # Each of these may run other Qt events, the end of the work among them, and with it
            # that of this object.
            bar.total = latest.total
            bar.update(latest.current - bar.n)
            bar.set_description(f"{self.title}: {latest.phase}")

    def _open_bar(self) -> None:
        bar = progress(total=0, desc=self.title)
        # Making it runs other Qt events as well.
        if self._has_ended:
            bar.close()
            return
        self._bar = bar
        self._show_latest()

    def _close_bar(self, _: object = None) -> None:
        self._has_ended = True
        self._show.stop()
        self._open_bar_soon.stop()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

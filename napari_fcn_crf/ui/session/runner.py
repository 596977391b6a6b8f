"""Runner of long work: one activity at a time, in a thread or as a job of the compute process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress
from napari_fcn_crf.settings import ComputeSettings
from napari_fcn_crf.ui.session.activity import Activity
from napari_fcn_crf.ui.session.notices import tell, tell_error
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.timers import one_shot

_PREPARE_DELAY_MS = 500
_CANCEL_S = 0.02
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Runner(QObject):
    """Runs what takes long and brings what it returns to the main thread.

    Attributes
    ----------
    service : ComputeService
        Starts the jobs that `run_job` runs.
    changed : Signal
        Work began, is being cancelled, or has ended.
    failed : Signal of Exception
        Work has ended without a result; emitted before `changed`.
    progressed, shown : Signal of Progress
        As the activity's: every report, and the latest as often as people can read it.
    """

    changed = Signal()
    failed = Signal(object)
    progressed = Signal(object)
    shown = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.service: Final = ComputeService()
        self._activity: Activity | None = None
        self._on_result: Callable[[Any], object] = lambda result: None
        self._on_partial: Callable[[Any], None] | None = None
        self._then: Callable[[], None] | None = None
        self._pieces: Iterator[None] = iter(())
        self._show_later = one_shot(self, 0, self._show_next_piece)
        self._prepared_for: ComputeSettings | None = None
        self._prepare_soon = one_shot(self, _PREPARE_DELAY_MS, self._prepare)

    @property
    def activity(self) -> Activity | None:
        """The work under way."""
        return self._activity

    def require_idle(self) -> None:
        """Refuse to begin what needs other work to have ended.

        Raises
        ------
        ValueError
            If other work is still under way.
        """
        if self._activity is not None:
            raise ValueError(f"{self._activity.title} is still running. Wait for it, or cancel it.")

    def run(
        self,
        kind: str,
        title: str,
        work: Callable[[OnProgress], Result],
        cancel: Callable[[], None],
        on_result: Callable[[Result], object],
        on_partial: Callable[[Any], None] | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Start long work; `on_result` is called on the main thread with what it returns.

        Where `on_result` is a generator, each of its pieces is a turn of the event loop, for
        napari takes long enough to add one layer. `on_partial` is called there with each part of a
        result that the work reports. `then` is called when all of it went well, and may start what
        comes next.

        Raises
        ------
        ValueError
            If other work is still under way.
        """
        self.require_idle()
        refinement.limit_threads(compute_settings().threads)
        activity = Activity(kind, title, work, cancel, self)
        # Methods, which Qt does not call when the runner is gone, as it would call a lambda.
        activity.progressed.connect(self._on_progressed)
        activity.shown.connect(self.shown)
        activity.returned.connect(self._on_returned)
        activity.failed.connect(self._on_failed)
        self._activity, self._on_result, self._on_partial = activity, on_result, on_partial
        self._then = then
        self.changed.emit()
        activity.start()

    def run_job(
        self,
        kind: str,
        title: str,
        start: Callable[[OnProgress], Job[Result]],
        on_result: Callable[[Any], object],
        on_partial: Callable[[Any], None] | None = None,
        finish: Callable[[Result], object] | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Run a job of the compute process, with the settings of this moment.

        Parameters
        ----------
        start : callable
            Starts the job and returns it. Runs in a thread, for reading files or a lazy image takes
            time; is given a function to report `Progress` to, which raises `Cancelled` when the
            user has.
        finish : callable, optional
            Makes of the job's result what `on_result` is given; runs in a thread as well.
        """
        settings = compute_settings()
        jobs: list[Job[Result]] = []
        cancelled = threading.Event()

        def work(on_progress: OnProgress) -> object:
            self.service.configure(settings)

            def report(latest: Progress) -> None:
                if cancelled.is_set():
                    raise Cancelled
                on_progress(latest)

            def begin(_: Job[None]) -> None:
                jobs.append(start(report))
                if cancelled.is_set():
                    jobs[0].cancel()

            # In another thread, which can be left alone with what it cannot be called back from.
            starting = Job(f"starting {kind}", begin).start()
            while not starting.done:
                if cancelled.wait(_CANCEL_S) and not jobs:
                    raise Cancelled
                starting.join(_CANCEL_S)
            starting.result()
            job = jobs[0]
            for latest in job.events():
                on_progress(latest)
            result = job.result()
            return result if finish is None else finish(result)

        def cancel() -> None:
            cancelled.set()
            for job in jobs:
                job.cancel()

        self.run(kind, title, work, cancel, on_result, on_partial, then)

    def cancel(self) -> None:
        """Cancel the work under way."""
        if self._activity is not None:
            self._activity.cancel()
            self.changed.emit()

    def prepare(self) -> None:
        """Start the compute process, soon: the next click may be the one that needs it."""
        if self._prepared_for != compute_settings():
            self._prepare_soon.start()

    def end(self) -> None:
        """End the work and the compute process, unheard: the window is being closed."""
        if self._activity is not None:
            self._activity.cancel()
        self.service.close()

    def _prepare(self) -> None:
        if self._activity is None:
            # Once: where it cannot be started, the job that needs it says so.
            self._prepared_for = compute_settings()
            self.service.configure(self._prepared_for)
            self.service.prepare()

    def _on_progressed(self, latest: Progress) -> None:
        self.progressed.emit(latest)
        if self._on_partial is not None and latest.partial is not None:
            self._on_partial(latest.partial)

    def _on_returned(self, result: object) -> None:
        on_result = self._on_result

        def show() -> Iterator[None]:
            pieces = on_result(result)
            if isinstance(pieces, Iterator):
                yield from pieces

        self._pieces = show()
        self._show_next_piece()

    def _show_next_piece(self) -> None:
        is_well = False
        try:
            next(self._pieces)
        except StopIteration:
            is_well = self._activity is not None and not self._activity.is_cancelling
        except Exception as error:  # noqa: BLE001  shown to the user
            _log.warning("showing a result failed", exc_info=error)
            tell_error(error)
        else:
            self._show_later.start()
            return
        self._end_activity()
        then, self._then = self._then, None
        if is_well and then is not None:
            try:
                then()
            except (ValueError, TypeError, OSError) as error:
                tell_error(error)
        self.changed.emit()

    def _end_activity(self) -> None:
        ended, self._activity = self._activity, None
        if ended is not None:
            ended.deleteLater()

    def _on_failed(self, error: Exception) -> None:
        title = "The work" if self._activity is None else self._activity.title
        self._end_activity()
        self.failed.emit(error)
        if isinstance(error, Cancelled):
            tell(f"{title} was cancelled.")
        elif isinstance(error, MemoryError):
            tell(
                f"{title} needs more memory than there is. Use a smaller image or network.", "error"
            )
        else:
            tell(str(error) or f"{title} failed: {type(error).__name__}.", "error")
        self.changed.emit()

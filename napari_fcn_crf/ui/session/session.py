"""What the steps share in one viewer: the chosen layers, the model, and the work under way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, QTimer, Signal

from napari_fcn_crf.compute.leftovers import session_folder
from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.data.annotations import guess_label_mode
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.model.card import ModelCard, copy_model, optimizer_path
from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress
from napari_fcn_crf.settings import ComputeSettings, CRFSettings, LabelMode
from napari_fcn_crf.ui.session.activity import Activity
from napari_fcn_crf.ui.session.label_counts import LabelCounts
from napari_fcn_crf.ui.session.lifetime import at_end_of, follow
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.results import Refined, TrainedModel, WeightsChoice
from napari_fcn_crf.ui.viewer.layers import is_source_image, is_source_labels, layers_where
from napari_fcn_crf.ui.viewer.preview_layers import remove_preview

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PREPARE_DELAY_MS = 500
_CANCEL_S = 0.02
_log = logging.getLogger(__name__)


class Session(QObject):
    """State of one viewer's segmentation; the steps show it and change it, and are told of changes.

    One lives in each viewer's window, and ends the compute process with it.
    """

    changed = Signal()
    progressed = Signal(object)
    shown = Signal(object)

    def __init__(self, viewer: Viewer, window: QObject) -> None:
        super().__init__(window)
        self.viewer = viewer
        self.image: Image | None = None
        self.annotation: Labels | None = None
        self.label_mode: LabelMode = "scribbles"
        self.is_guessing = False
        self.counts = LabelCounts(viewer, self)
        self.counts.counted.connect(self._on_counted)
        self.counts.failed.connect(self._on_not_counted)
        self.pairs: tuple[tuple[Image, Labels], ...] = ()
        self.file_pairs: tuple[PairFiles, ...] = ()
        self.class_names: dict[int, str] = {}
        self.weights: WeightsChoice | None = None
        self.model: TrainedModel | None = None
        self.sources: tuple[Layer, ...] = ()
        self.refined: Refined | None = None
        self.uncertainty: Image | None = None
        self.activity: Activity | None = None
        self.service = ComputeService()
        self._folder = session_folder()
        self._models_made = 0
        self._announce = QTimer(self, singleShot=True, interval=0)
        self._announce.timeout.connect(self.changed)
        self._prepared_for: ComputeSettings | None = None
        self._prepare_soon = QTimer(self, singleShot=True, interval=_PREPARE_DELAY_MS)
        self._prepare_soon.timeout.connect(self._prepare)
        self._on_result: Callable[[Any], Any] = lambda result: None
        self._on_partial: Callable[[Any], None] | None = None
        self._pieces: Iterator[None] = iter(())
        self._show_later = QTimer(self, singleShot=True, interval=0)
        self._show_later.timeout.connect(self._show_next_piece)

        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            follow(event, self._on_layers_changed)
        follow(viewer.layers.selection.events.changed, self._on_selection_changed)
        at_end_of(self, self._end)
        self._on_layers_changed()

    def notify_changed(self) -> None:
        """Tell the steps that something changed, once for all changes of this moment."""
        self._announce.start()

    def choose_image(self, image: Image | None) -> None:
        """Segment another image."""
        self.image = image
        self.notify_changed()

    def choose_annotation(self, labels: Labels | None) -> None:
        """Train on another labels layer; what its 0 means is guessed as soon as it is counted."""
        self.annotation = labels
        self.is_guessing = labels is not None
        self.counts.watch(labels)
        self.notify_changed()

    def add_pair(self, image: Image, labels: Labels) -> None:
        """Train on one more image, too."""
        if (image, labels) not in self.pairs:
            self.pairs = (*self.pairs, (image, labels))
        self.notify_changed()

    def add_files(self, found: list[PairFiles]) -> None:
        """Train on images in files, too."""
        self.file_pairs = tuple(dict.fromkeys((*self.file_pairs, *found)))
        if self.annotation is None:
            self.is_guessing = True
            self.counts.read(found[0].labels)
        self.notify_changed()

    def remove_pair(self, position: int) -> None:
        """Train on one image less; those in files come after those in layers."""
        in_files = position - len(self.pairs)
        if in_files < 0:
            self.pairs = self.pairs[:position] + self.pairs[position + 1 :]
        else:
            self.file_pairs = self.file_pairs[:in_files] + self.file_pairs[in_files + 1 :]
        self.notify_changed()

    def training_pairs(self) -> list[tuple[Image, Labels]]:
        """Return the layers to train on: the chosen pair, then the added ones.

        There may be none where there are pairs in files.

        Raises
        ------
        ValueError
            If there is none; the message says what to do.
        """
        if self.image is None or self.annotation is None:
            if self.pairs or self.file_pairs:
                return list(self.pairs)
            require_image(self)
            raise ValueError(
                "Training needs a labels layer, but none is open. Press New labels and paint some "
                "pixels of each class."
            )
        chosen = (self.image, self.annotation)
        # A chosen pair without a stroke is the one to predict, not to train on.
        is_empty = self.counts.is_current and set(self.counts.latest or {0}) == {0}
        if (self.pairs or self.file_pairs) and is_empty:
            return list(self.pairs)
        return [chosen, *(pair for pair in self.pairs if pair != chosen)]

    def class_name(self, value: int) -> str:
        """Return what the user calls a label value."""
        return self.class_names.get(value) or ("background" if value == 0 else f"class {value}")

    def name_class(self, value: int, name: str) -> None:
        """Call a label value something; an empty name takes that back."""
        self.class_names[value] = name.strip()
        self.notify_changed()

    def choose_sources(self, sources: tuple[Layer, ...]) -> None:
        """Refine other probabilities."""
        self.sources = sources
        self.notify_changed()

    def choose_label_mode(self, mode: LabelMode) -> None:
        """Say what a 0 in the labels means."""
        self.label_mode, self.is_guessing = mode, False
        self.notify_changed()

    def new_model_path(self) -> Path:
        """Return where the next trained model is kept until the user saves it.

        Of those that were trained before, the current one stays: it can still be gone on with.
        """
        folder = Path(self._folder.name)
        if self.activity is None:  # which may read another
            current = None if self.model is None else self.model.path
            for path in folder.glob("*.keras"):
                if path != current:
                    path.unlink(missing_ok=True)
                    optimizer_path(path).unlink(missing_ok=True)
        self._models_made += 1
        return folder / f"model-{self._models_made}.keras"

    def keep_model(self, path: Path, card: ModelCard, name: str, is_saved: bool) -> None:
        """Make a model the one that Predict uses."""
        self.model = TrainedModel(path, card, name, is_saved)
        refinement.prepare(card.n_classes)
        self.notify_changed()

    def keep_with_model(self, settings: CRFSettings) -> None:
        """Make CRF settings the current model's; they are written when it is saved.

        Raises
        ------
        ValueError
            If there is no model.
        """
        if self.model is None:
            raise ValueError("There is no model to keep settings with. Train one, or open one.")
        self.model = replace(
            self.model, card=replace(self.model.card, crf=settings), is_saved=False
        )
        self.notify_changed()

    def save_model(self, target: Path) -> None:
        """Copy the current model, with its card, to a file of the user's choice, atomically.

        Raises
        ------
        ValueError
            If the file cannot be written; the message says why.
        """
        from napari_fcn_crf.atomic_files import atomic_path

        if self.model is None:
            raise ValueError("There is no model to save yet. Press Train first.")
        try:
            with atomic_path(target) as temporary:
                copy_model(self.model.path, temporary, self.model.card)
        except OSError as error:
            raise ValueError(
                f"The model could not be saved as {target.name}: {error.strerror or error}. "
                "Choose another folder, or free some space."
            ) from error
        self.model = replace(self.model, name=target.name, is_saved=True)
        self.notify_changed()

    def run(
        self,
        kind: str,
        title: str,
        work: Callable[[OnProgress], Any],
        cancel: Callable[[], None],
        on_result: Callable[[Any], Any],
        on_partial: Callable[[Any], None] | None = None,
    ) -> None:
        """Start long work; `on_result` is called on the main thread with what it returns.

        Where `on_result` is a generator, each of its pieces is a turn of the event loop, for
        napari takes long enough to add one layer. `on_partial` is called there with each part of a
        result that the work reports.

        Raises
        ------
        ValueError
            If other work is still under way.
        """
        if self.activity is not None:
            raise ValueError(f"{self.activity.title} is still running. Wait for it, or cancel it.")
        refinement.limit_threads(compute_settings().threads)
        activity = Activity(kind, title, work, cancel, self)
        # Methods, which Qt does not call when the session is gone, as it would call a lambda.
        activity.progressed.connect(self._on_progressed)
        activity.shown.connect(self.shown)
        activity.returned.connect(self._on_returned)
        activity.failed.connect(self._on_failed)
        self.activity, self._on_result, self._on_partial = activity, on_result, on_partial
        self.notify_changed()
        activity.start()

    def prepare(self) -> None:
        """Start the compute process, soon: the next click may be the one that needs it."""
        if self._prepared_for != compute_settings():
            self._prepare_soon.start()

    def run_job(
        self,
        kind: str,
        title: str,
        start: Callable[[OnProgress], Any],
        on_result: Callable[[Any], Any],
        on_partial: Callable[[Any], None] | None = None,
    ) -> None:
        """Run a job of the compute process, with the settings of this moment.

        Parameters
        ----------
        start : callable
            Starts the job and returns it. Runs in a thread, for reading files or a lazy image takes
            time; is given a function to report `Progress` to, which raises `Cancelled` when the
            user has.
        """
        settings = compute_settings()
        jobs: list[Any] = []
        cancelled = threading.Event()

        def work(on_progress: OnProgress) -> Any:
            self.service.configure(settings)

            def report(latest: Progress) -> None:
                if cancelled.is_set():
                    raise Cancelled
                on_progress(latest)

            def begin(_: Job[Any]) -> None:
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
            return job.result()

        def cancel() -> None:
            cancelled.set()
            for job in jobs:
                job.cancel()

        self.run(kind, title, work, cancel, on_result, on_partial)

    def cancel(self) -> None:
        """Cancel the work under way."""
        if self.activity is not None:
            self.activity.cancel()
            self.notify_changed()

    def _prepare(self) -> None:
        if self.activity is None:
            # Once: where it cannot be started, the job that needs it says so.
            self._prepared_for = compute_settings()
            self.service.configure(self._prepared_for)
            self.service.prepare()

    def _on_progressed(self, latest: Progress) -> None:
        self.progressed.emit(latest)
        if self._on_partial is not None and latest.partial is not None:
            self._on_partial(latest.partial)

    def _on_returned(self, result: Any) -> None:
        on_result = self._on_result

        def show() -> Iterator[None]:
            pieces = on_result(result)
            if isinstance(pieces, Iterator):
                yield from pieces

        self._pieces = show()
        self._show_next_piece()

    def _show_next_piece(self) -> None:
        try:
            next(self._pieces)
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001  shown to the user
            _log.warning("showing a result failed", exc_info=error)
            show_error(str(error) or type(error).__name__)
        else:
            self._show_later.start()
            return
        self._end_activity()
        self.notify_changed()

    def _end_activity(self) -> None:
        ended, self.activity = self.activity, None
        if ended is not None:
            ended.deleteLater()

    def _on_failed(self, error: Exception) -> None:
        title = "The work" if self.activity is None else self.activity.title
        self._end_activity()
        remove_preview(self.viewer)
        if isinstance(error, Cancelled):
            show_info(f"{title} was cancelled.")
        elif isinstance(error, MemoryError):
            show_error(f"{title} needs more memory than there is. Use a smaller image or network.")
        else:
            show_error(str(error) or f"{title} failed: {type(error).__name__}.")
        self.notify_changed()

    def _on_counted(self) -> None:
        if self.is_guessing and self.counts.latest is not None:
            self.label_mode, self.is_guessing = guess_label_mode(self.counts.latest), False
        self.notify_changed()

    def _on_not_counted(self, error: Exception) -> None:
        self.is_guessing = False
        show_error(str(error) or type(error).__name__)
        self.notify_changed()

    def _on_selection_changed(self, event: Any = None) -> None:
        self.notify_changed()

    def _end(self) -> None:
        """End what goes on, when the window is closed."""
        if self.activity is not None:
            self.activity.cancel()
        self.service.close()
        self._folder.cleanup()

    def _on_layers_changed(self, event: Any = None) -> None:
        viewer = self.viewer
        images = layers_where(viewer, is_source_image)
        if self.image not in images:
            self.image = images[0] if images else None
        annotations = layers_where(viewer, is_source_labels)
        if self.annotation not in annotations:
            self.choose_annotation(annotations[0] if annotations else None)
        self.sources = tuple(layer for layer in self.sources if layer in viewer.layers)
        self.pairs = tuple(
            pair for pair in self.pairs if all(layer in viewer.layers for layer in pair)
        )
        if self.refined is not None and self.refined.refined not in viewer.layers:
            self.refined = None
        if self.uncertainty is not None and self.uncertainty not in viewer.layers:
            self.uncertainty = None
        self.notify_changed()


def require_image(session: Session) -> Image:
    """Return the chosen image.

    Raises
    ------
    ValueError
        If none is open.
    """
    if session.image is None:
        raise ValueError(
            "An image layer is needed, but none is open. Open one with File > Open, or try "
            "File > Open Sample > FCN-CRF."
        )
    return session.image


def session_of(viewer: Viewer) -> Session:
    """Return the session that lives in a viewer's window, made on first use."""
    # Plugins are given a proxy that hides private attributes, the window's among them.
    viewer = getattr(viewer, "__wrapped__", viewer)
    window = viewer.window._qt_window
    found = window.findChild(Session)
    return found if found is not None else Session(viewer, window)

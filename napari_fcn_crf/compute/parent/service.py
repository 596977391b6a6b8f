"""Compute service: the process as the rest of the program sees it, which imports no Keras."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import remove_unfinished
from napari_fcn_crf.compute.devices import Device, DeviceTest, list_devices
from napari_fcn_crf.compute.errors import ChildEndedError, ComputeError
from napari_fcn_crf.compute.leftovers import remove_leftovers
from napari_fcn_crf.compute.parent.child import Child
from napari_fcn_crf.compute.parent.job import Job
from napari_fcn_crf.compute.plane_features import PlaneFeatures
from napari_fcn_crf.compute.previews import read_progress
from napari_fcn_crf.compute.shared import SharedArrays
from napari_fcn_crf.compute.training_request import TrainingRequest
from napari_fcn_crf.data.images import check_image
from napari_fcn_crf.model.card import ModelCard, optimizer_path, read_card
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import (
    ComputeSettings,
    IntensityChoice,
    PredictionSettings,
    TrainingSettings,
)

__all__ = [
    "Call",
    "ChildEndedError",
    "ComputeError",
    "ComputeService",
    "Device",
    "DeviceTest",
    "Job",
    "PlaneFeatures",
    "TrainingRequest",
]

T = TypeVar("T")
ReadProgress = Callable[[dict[str, Any]], Progress | None]
_JOIN_S = 1.5
# A tile's: to start another process takes longer than to wait for its end.
_TILE_S = 8.0


class Call(Protocol):
    """What asks the process for a task, and returns its answer."""

    def __call__(
        self, function: str, request: dict[str, Any], read: ReadProgress = ...
    ) -> dict[str, Any]:
        """Run a function, named as "napari_fcn_crf.room.module:function", with a request.

        `read` makes the progress that is reported of what the process tells, or None.

        Raises
        ------
        Cancelled, ValueError, TypeError, ComputeError
        """


class ComputeService:
    """One process that trains and predicts, started when it is first needed and kept warm.

    It ends with `close`, with this object, or with this process, whatever way that ends. One job
    runs at a time.
    """

    def __init__(self) -> None:
        self._settings = ComputeSettings()
        self._running = _Running()
        # Runs at the interpreter's exit as well.
        self._finalizer = weakref.finalize(self, _Running.end, self._running)

    def configure(self, settings: ComputeSettings) -> None:
        """Set where the network runs, from the next job on."""
        self._settings = settings

    @property
    def is_warm(self) -> bool:
        """Whether the next job finds a process that has loaded its backend."""
        child = self._running.child
        return child is not None and child.is_ready and child.serves(self._settings)

    @property
    def pid(self) -> int | None:
        """Process id of the compute process; None if there is none."""
        child = self._running.child
        return child.pid if child is not None and child.is_alive else None

    def prepare(self) -> None:
        """Start the process, so that the next job finds its backend loaded.

        Returns at once. What goes wrong is told by the next job.
        """
        self._running.prepare(self._settings)

    def train(
        self,
        images: list[npt.NDArray[Any]],
        labels: list[npt.NDArray[Any]],
        request: TrainingRequest,
        model_path: Path,
    ) -> Job[ModelCard]:
        """Start training; the model is in `model_path` when the job is over, and now and then
        before that.

        A cancelled job has the model learnt so far as its result, if there is one. Images and
        labels are as those of `napari_fcn_crf.train`; the model to go on with may be the one in
        `model_path`. If a preview is asked for, some of the job's events have as their `partial`
        the probabilities `(n_classes, rows, columns)` of the first annotated plane.

        Raises
        ------
        ValueError
            If another job is still running.
        """
        path = Path(model_path).absolute()
        asked = request.to_dict()

        def work(job: Job[ModelCard]) -> ModelCard:
            if not path.parent.is_dir():
                raise ValueError(
                    f"The model is written to the folder {path.parent}, but there is no such "
                    "folder. Make it first, or choose another."
                )
            before = _identity(path)
            with SharedArrays(_raise_if_cancelled(job)) as shared:
                preview_names = [shared.reserve(), shared.reserve()] if request.preview else []
                arguments = {
                    "images": shared.share([_shareable(image) for image in images]),
                    "labels": shared.share([_shareable(label) for label in labels]),
                    "request": asked,
                    "model_path": str(path),
                    "preview_names": preview_names,
                }
                try:
                    self._call(job, "train", arguments, lambda info: read_progress(info, shared))
                except (Cancelled, ChildEndedError) as error:
                    remove_unfinished(path)
                    remove_unfinished(optimizer_path(path))
                    if _identity(path) in (None, before):
                        raise
                    if isinstance(error, ChildEndedError):
                        raise ChildEndedError(
                            f"{error} What was learnt until shortly before is kept.",
                            error.details,
                            path,
                        ) from error
            return read_card(path)

        return self._start("training", work)

    def predict(
        self,
        model_path: Path,
        image: npt.NDArray[Any],
        settings: PredictionSettings | None = None,
        *,
        axes: str | None = None,
        intensity: IntensityChoice = "auto",
    ) -> Job[npt.NDArray[np.float32]]:
        """Start predicting an image with a saved model; arguments and result are as those of
        `napari_fcn_crf.predict`.

        On a CPU a library that gets no memory may end the process, or the system does. It is then
        tried again with smaller tiles, and the job's events say so.

        Raises
        ------
        ValueError
            If another job is still running.
        """
        path = Path(model_path).absolute()

        def work(job: Job[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
            tiles, note = settings or PredictionSettings(), ""

            def read(info: dict[str, Any]) -> Progress:
                progress = Progress(**info)
                return replace(progress, note=progress.note or note)

            with SharedArrays(_raise_if_cancelled(job)) as shared:
                request = {
                    "image": shared.share([_shareable(image)]),
                    "model_path": str(path),
                    "axes": axes,
                    "intensity": intensity,
                }
                while True:
                    name = shared.reserve()
                    request |= {"settings": tiles.to_dict(), "result_name": name}
                    try:
                        return shared.take(name, **self._call(job, "predict", request, read))
                    except ChildEndedError as error:
                        smaller = tiles.with_smaller_tiles(max(np.shape(image)))
                        if smaller is None or not error.task_began:
                            raise
                        tiles = smaller
                        note = (
                            "The compute process ended while predicting, most likely for want of "
                            f"memory; the image was predicted in tiles of {tiles.tile_px} px."
                        )

        return self._start("prediction", work)

    def features(
        self, plane: npt.NDArray[np.float32], settings: TrainingSettings
    ) -> Job[PlaneFeatures]:
        """Start computing the features of every pixel of a plane, to be kept here.

        Another job cancels this one; it may be asked for again when that is over.

        Parameters
        ----------
        plane : array of float32, shape `(rows, columns, channels)`
            On the 0-255 scale.
        settings : TrainingSettings
            Architecture, backbone, weights and seed are used.

        Raises
        ------
        ValueError
            If another job is still running; from the job, if the head is not one that is solved in
            closed form.
        """
        asked = settings.to_dict()

        def work(job: Job[PlaneFeatures]) -> PlaneFeatures:
            with SharedArrays(_raise_if_cancelled(job)) as shared:
                name = shared.reserve()
                request = {
                    "image": shared.share([plane]),
                    "settings": asked,
                    "result_name": name,
                }
                answer = self._call(job, "features", request, grace_s=_TILE_S)
                return PlaneFeatures.from_answer(shared.take(name, **answer["array"]), answer)

        return self._running.start(Job("computing features", work, gives_way=True))

    def describe_weights(self, path: str | Path) -> Job[str]:
        """Start reading a weights file; the result is a sentence on what it holds.

        Raises
        ------
        ValueError
            If another job is still running.
        """
        request = {"path": str(Path(path).absolute())}
        return self._start(
            "reading the weights",
            lambda job: str(self._call(job, "describe_weights", request)["text"]),
        )

    def devices(self) -> Job[list[Device]]:
        """Start listing the devices; another job may run at the same time."""
        settings = self._settings
        job: Job[list[Device]] = Job(
            "listing devices", lambda job: list_devices(settings, job.cancel_requested.is_set)
        )
        return job.start()

    def test_device(self) -> Job[DeviceTest]:
        """Start a training of two steps on the device in the settings, to see how fast it is.

        Raises
        ------
        ValueError
            If another job is still running.
        """
        return self._start(
            "testing the device", lambda job: DeviceTest(**self._call(job, "test_device", {}))
        )

    def start(self, name: str, work: Callable[[Job[T], Call], T]) -> Job[T]:
        """Start work that asks the process for one task after another, of any room.

        Parameters
        ----------
        name : str
            What is being done: "segmenting images".
        work : callable
            Runs in a thread; is given the job and what asks the process.

        Raises
        ------
        ValueError
            If another job is still running.
        """

        def call(
            function: str,
            request: dict[str, Any],
            read: ReadProgress = lambda info: Progress(**info),
        ) -> dict[str, Any]:
            return self._call(job, function, request, read)

        job: Job[T] = Job(name, lambda job: work(job, call))
        return self._running.start(job)

    def close(self) -> None:
        """Cancel what is running and end the process; a later job starts a new one."""
        self._running.end()

    def _start(self, name: str, work: Callable[[Job[T]], T]) -> Job[T]:
        return self._running.start(Job(name, work))

    def _call(
        self,
        job: Job[Any],
        function: str,
        request: dict[str, Any],
        read: ReadProgress = lambda info: Progress(**info),
        grace_s: float | None = None,
    ) -> dict[str, Any]:
        while True:
            child = self._running.child_for(self._settings, job)
            was_warm = child.is_ready
            child.prepare(job)
            try:
                if grace_s is None:
                    return child.call(job, function, request, read_progress=read)
                return child.call(job, function, request, grace_s, read)
            except ChildEndedError as error:
                # One that was killed while it idled may still have looked alive.
                if error.task_began or not was_warm:
                    raise


@dataclass
class _Running:
    """What there is to end: the child and its job."""

    child: Child | None = None
    job: Job[Any] | None = None
    preparing: Job[None] | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def start(self, job: Job[T]) -> Job[T]:
        before = self.job
        if before is not None and before.gives_way and not job.gives_way:
            before.cancel()
            before.join(_TILE_S + _JOIN_S)
        with self._lock:
            if self.job is not None and not self.job.done:
                raise ValueError(
                    f"One thing runs at a time, and {self.job.name} is still going on. Wait for it "
                    "or cancel it first."
                )
            self.job = job
            return job.start()

    def prepare(self, settings: ComputeSettings) -> None:
        with self._lock:
            is_busy = self.preparing is not None and not self.preparing.done
            if is_busy or (self.child is not None and self.child.serves(settings)):
                return
            self.preparing = Job(
                "preparing", lambda job: self.child_for(settings, job).prepare(job)
            ).start()

    def child_for(self, settings: ComputeSettings, job: Job[Any]) -> Child:
        """Return a child that runs as the settings ask, starting a new one if need be."""
        with self._lock:
            if job.cancel_requested.is_set():
                raise Cancelled
            if self.child is None or not self.child.serves(settings):
                if self.child is not None:
                    self.child.kill()
                remove_leftovers()
                self.child = Child(settings)
            return self.child

    def end(self) -> None:
        job = self.job
        for one in (job, self.preparing):
            if one is not None:
                one.cancel()
        with self._lock:
            child, self.child = self.child, None
            if child is not None:
                child.kill()
        # Its thread gives the shared memory back.
        if job is not None:
            job.join(_JOIN_S)


def _raise_if_cancelled(job: Job[Any]) -> Callable[[], None]:
    def check() -> None:
        if job.cancel_requested.is_set():
            raise Cancelled

    return check


def _shareable(array: Any) -> npt.NDArray[Any]:
    """Return an array of numbers; anything else is refused as an image of that kind is."""
    array = np.asarray(array)
    return array if array.dtype.kind in "buifc" else check_image(array)


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells a file from the one that replaces it; None if there is none."""
    with suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None

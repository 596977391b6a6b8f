"""Predict all open images: one after the other, and the results become layers of each."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_fcn_crf.batch.objects import Objects, labels_of
from napari_fcn_crf.batch.pace import Pace
from napari_fcn_crf.batch.recipe import ObjectsWanted
from napari_fcn_crf.compute.parent.service import Job
from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.data.images import check_image
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import sentence
from napari_fcn_crf.model import record
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline import prediction, refinement
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress
from napari_fcn_crf.results.cleanup import remove_small_regions
from napari_fcn_crf.results.metrics import changed_fraction, label_fractions
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions.prediction_record import MADE_OF_A_PREDICTION, prediction_record
from napari_fcn_crf.ui.actions.split_actions import record_of_objects
from napari_fcn_crf.ui.session.image_table import Row, in_words
from napari_fcn_crf.ui.session.model_store import TrainedModel
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.arrangement import Step, lie_on_each_other
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.growing_layers import is_large
from napari_fcn_crf.ui.viewer.layers import is_source_image, layers_where
from napari_fcn_crf.ui.viewer.ownership import Made, earlier_results, note_earlier
from napari_fcn_crf.ui.viewer.result_layers import (
    add_predicted,
    add_probabilities,
    add_refined,
    add_result,
    class_look,
)

KIND = "predict"


@dataclass(frozen=True)
class _Given:
    """An open image, as it was when the button was pressed.

    Parameters
    ----------
    picture : Picture or str
        A sentence on why it is none.
    strokes : array, optional
        What is painted on it, and stays.
    """

    image: Image
    picture: Picture | str
    strokes: npt.NDArray[Any] | None
    earlier: dict[str, list[Any]]


@dataclass(frozen=True)
class _Results:
    """What was made of it."""

    image: Image
    probabilities: npt.NDArray[np.float32]
    predicted: Made
    refined: Made | None
    cleaned: Made | None
    instances: Made | None
    differs: npt.NDArray[np.uint8] | None
    run_record: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class _Change:
    """What the table says of it from now on."""

    image: Image
    values: dict[str, Any]


def predict_open_images(session: Session) -> None:
    """Predict each image that is open, and refine and clean up as chosen.

    Raises
    ------
    ValueError
        If there is no model, or no image.
    """
    model, choice = session.models.require(), session.many.choice
    session.selection.require_image()
    session.runner.require_idle()
    given = _given(session)
    session.many.begin(model.card)
    session.many.table.show([Row(one.image, one.image.name) for one in given])
    crf = session.choices.crf if choice.refines else None
    value = session.many.objects_in(model.card)
    wanted = None if value is None else ObjectsWanted(value)
    work = _Work(session, model, crf, choice.minimum_px, wanted)

    def show(told: _Results | _Change) -> None:
        if isinstance(told, _Change):
            session.many.table.change(told.image, **told.values)
        elif told.image in session.viewer.layers:
            _add(session, told, model.card, work)
            session.many.table.change(told.image, state="done", doing="", seconds=told.seconds)

    def keep(_: None) -> None:
        rows = session.many.table.rows
        failed = any(row.state == "failed" for row in rows)
        tell(
            f"{in_words(rows)}{': see the table.' if failed else '.'}",
            "warning" if failed else "info",
        )

    session.runner.run(
        KIND,
        "Segmenting images",
        lambda on_progress: work.run(given, on_progress),
        work.cancel,
        keep,
        show,
    )


def _given(session: Session) -> list[_Given]:
    selection = session.selection
    others = selection.more_channels
    found = []
    for image in reversed(layers_where(session.viewer, is_source_image)):
        if image in others:
            continue
        picture: Picture | str
        try:
            picture = selection.picture(image)
        except ValueError as error:
            picture = sentence(error)
        if isinstance(picture, Picture) and is_large(image, picture):
            picture = (
                f"'{image.name}' is larger than memory. Choose it and predict this image alone, "
                "which goes block by block."
            )
        labels = session.screen.annotation_of(image)
        is_kept = labels is not None and session.meaning.mode == "scribbles"
        earlier = {
            kind: earlier_results(session.viewer, image, kind)
            for kind in ("predicted", "refined", "cleaned", "instances")
        }
        # A copy, since the user may go on painting.
        strokes = np.array(layer_array(labels)) if labels is not None and is_kept else None
        found.append(_Given(image, picture, strokes, earlier))
    return found


class _Work:
    """The work of one press, done in a thread."""

    def __init__(
        self,
        session: Session,
        model: TrainedModel,
        crf: CRFSettings | None,
        minimum_px: int,
        wanted: ObjectsWanted | None,
    ) -> None:
        self._service = session.runner.service
        self._compute = compute_settings()
        self._model, self._crf, self._minimum_px = model, crf, minimum_px
        self.objects = None if wanted is None else Objects(model.card, wanted)
        self._stop = threading.Event()
        self._job: Job[Any] | None = None
        self._model_record: dict[str, Any] = {}
        self.settings = {} if crf is None else {"crf": crf.to_dict()}

    def cancel(self) -> None:
        """Let it end soon."""
        self._stop.set()
        if self._job is not None:
            self._job.cancel()

    def run(self, given: list[_Given], on_progress: OnProgress) -> None:
        """Segment the images; one that cannot be stops no other."""
        self._service.configure(self._compute)
        self._model_record = prediction_record(self._model)
        pace = Pace(len(given))
        pace.begin()
        for done, one in enumerate(given, start=1):

            def report(progress: Progress, image: Image = one.image) -> None:
                if self._stop.is_set():
                    raise Cancelled
                doing = {"state": "under way", "doing": progress.in_words()}
                on_progress(pace.progress(_Change(image, doing)))

            told: _Results | _Change
            try:
                report(Progress("Preparing"))
                told = self._segment(one, report)
            except Cancelled:
                raise
            except Exception as error:  # noqa: BLE001  told in the table; the others go on
                failed = {"state": "failed", "doing": "", "error": sentence(error)}
                told = _Change(one.image, failed)
            on_progress(pace.progress(told))
            pace.advance(done)

    def _segment(self, given: _Given, report: OnProgress) -> _Results:
        picture, card = given.picture, self._model.card
        if isinstance(picture, str):
            raise ValueError(picture)
        began = time.perf_counter()
        array = prediction.check_prediction_input(card, picture)
        run_record = record.start_record() | self._model_record
        run_record["image_sha256"] = record.array_sha256(array)
        probabilities = self._predicted(picture, array, report)
        values = as_label_values(card.class_values)
        before = most_probable(probabilities, values)
        refined = differs = None
        last = before
        if self._crf is not None:
            last = most_probable(self._refined(given, picture, probabilities, report), values)
            refined = Made.of(last, given.earlier["refined"])
            differs = (before != last).view(np.uint8)
        cleaned = None
        if self._minimum_px > 1:
            report(Progress("Cleaning up"))
            last = remove_small_regions(last, self._minimum_px)
            cleaned = Made.of(last, given.earlier["cleaned"])
        instances = None
        if self.objects is not None:
            numbered = np.zeros(last.shape, np.int32)
            inside = self.objects.inside(probabilities)
            of = labels_of(picture, last)
            self.objects.number(of, inside, numbered, report, self._stop.is_set)
            instances = Made.of(numbered, given.earlier["instances"])
        seconds = time.perf_counter() - began
        run_record["seconds"] = round(seconds, 3)
        predicted = Made.of(before, given.earlier["predicted"])
        return _Results(
            given.image,
            probabilities,
            predicted,
            refined,
            cleaned,
            instances,
            differs,
            run_record,
            seconds,
        )

    def _predicted(
        self, picture: Picture, array: npt.NDArray[Any], report: OnProgress
    ) -> npt.NDArray[np.float32]:
        self._job = self._service.predict(self._model.path, array, axes=f"{picture.spatial_axes}c")
        if self._stop.is_set():
            self._job.cancel()
        for progress in self._job.events():
            # Of a job that was cancelled the end is waited for: the next needs the process.
            if not self._stop.is_set():
                report(progress)
        found: npt.NDArray[np.float32] = self._job.result()
        return found

    def _refined(
        self,
        given: _Given,
        picture: Picture,
        probabilities: npt.NDArray[np.float32],
        report: OnProgress,
    ) -> npt.NDArray[np.float32]:
        image = check_image(picture.channels_last())
        mapping = IntensityMapping.fit(image)
        annotated = None
        if given.strokes is not None:
            strokes = given.strokes.reshape(picture.spatial_shape)
            annotated = class_indices(strokes, self._model.card.class_values, "scribbles")
        return refinement.refine(
            mapping.without_nan(image),
            probabilities,
            self._crf,
            intensity=mapping,
            on_progress=report,
            should_stop=self._stop.is_set,
            annotated=annotated,
        )


def _add(session: Session, made: _Results, card: ModelCard, work: _Work) -> None:
    viewer, image = session.viewer, made.image
    noted = card.record | {"prediction": made.run_record}
    source = add_probabilities(viewer, image, made.probabilities, replace(card, record=noted))
    look = class_look(session.screen.annotation_of(image), source)
    note_earlier(viewer, MADE_OF_A_PREDICTION, "earlier", image)
    predicted = add_predicted(viewer, image, made.predicted, look, noted)
    step: Step = "predict"
    shown = predicted
    if made.refined is not None and made.differs is not None:
        shown, step = (
            add_refined(viewer, image, made.refined, look, noted | work.settings),
            "refine",
        )
        before, after = made.predicted.array, made.refined.array
        session.many.keep_refined(
            Refined(
                image,
                predicted,
                shown,
                made.differs,
                changed_fraction(before, after),
                label_fractions(before, card.class_values),
                label_fractions(after, card.class_values),
            )
        )
    if made.cleaned is not None:
        shown, step = add_result(viewer, image, made.cleaned, "cleaned", look, noted), "clean up"
    if made.instances is not None and work.objects is not None:
        said = noted | _record_of_objects(work.objects)
        shown = add_result(viewer, image, made.instances, "instances", None, said)
        step = "split"
    chosen = session.selection.image
    if image is chosen:
        session.selection.choose_sources((source,))
        session.results.keep_refined(session.many.refined(image))
    # What lies under the chosen one is seen when its row is clicked on.
    if chosen is None or image is chosen or not lie_on_each_other(image, chosen):
        session.screen.arrange(image, step, shown)


def _record_of_objects(objects: Objects) -> dict[str, Any]:
    classes = objects.classes
    colour = classes.colours[0] if classes.colours else None
    return record_of_objects(classes.values[0], classes.names[0], colour, objects.wanted.minimum_px)

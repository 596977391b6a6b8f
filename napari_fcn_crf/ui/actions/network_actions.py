"""Train, predict, load weights: from the session's layers to a job, from its result to layers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from qtpy.QtCore import QTimer

from napari_fcn_crf.compute.parent.service import Job, TrainingRequest
from napari_fcn_crf.data.annotations import annotated_planes
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.fcn.heads.head import STEPS, steps_of
from napari_fcn_crf.model import record
from napari_fcn_crf.model.card import ModelCard, read_card
from napari_fcn_crf.pipeline import prediction, training
from napari_fcn_crf.pipeline.lazy_images import read_for_training
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.ui.actions import large_prediction
from napari_fcn_crf.ui.actions.prediction_record import MADE_OF_A_PREDICTION, prediction_record
from napari_fcn_crf.ui.actions.training_input import gather_training
from napari_fcn_crf.ui.session.model_store import TrainedModel, WeightsChoice
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer import preview_layers
from napari_fcn_crf.ui.viewer.arrangement import RESULTS
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.growing_layers import is_large
from napari_fcn_crf.ui.viewer.layers import class_colours
from napari_fcn_crf.ui.viewer.ownership import Made, earlier_results, note_earlier
from napari_fcn_crf.ui.viewer.result_layers import add_predicted, add_probabilities, class_look
from napari_fcn_crf.weights import download, vgg_file


def load_weights(session: Session, path: Path) -> None:
    """Check a weights file and use it for the next training.

    Here, in a thread: whoever chose another file need not wait for TensorFlow to be told so.
    """

    def start(on_progress: OnProgress) -> Job[str]:
        on_progress(Progress("Looking at the file"))
        if vgg_file.needs_tensorflow(path):
            return session.runner.service.describe_weights(path)
        return Job("reading the weights", lambda _: vgg_file.describe_weights(path)).start()

    session.runner.run_job(
        "weights",
        "Reading the weights",
        start,
        lambda found: session.models.choose_weights(WeightsChoice(path, found)),
    )


def download_weights(session: Session) -> None:
    """Download ImageNet weights into the weights folder, and use them for the next training."""
    folder = download.weights_folder(compute_settings().weights_folder)
    stop = threading.Event()
    session.runner.run(
        "download",
        "Downloading",
        lambda on_progress: download.fetch(
            download.PUBLISHED["vgg16"], folder, on_progress, stop.is_set
        ),
        stop.set,
        # One piece of work has to be over before the next can start.
        lambda path: QTimer.singleShot(0, lambda: load_weights(session, path)),
    )


def train(
    session: Session,
    request: TrainingRequest,
    kind: str = "train",
    then: Callable[[], None] | None = None,
    *,
    lays_aside: bool = True,
) -> None:
    """Train a network on the chosen image and labels, and on the pairs added to them.

    Parameters
    ----------
    session : Session
    request : TrainingRequest
    kind : str
        Which button it belongs to.
    then : callable, optional
        Starts what comes next.
    lays_aside : bool
        Whether results that are there are of an earlier model from then on, and hidden.
    """
    _train(session, request, None, kind, then, lays_aside=lays_aside)


def go_on_training(session: Session, request: TrainingRequest) -> None:
    """Train the current model for more iterations, exactly where it stopped."""
    model = session.models.model
    if model is None:
        raise ValueError("There is no model to go on with yet. Press Train first.")
    known = model.card.training
    same = replace(
        request.settings,
        architecture=known.architecture,
        backbone=known.backbone,
        weights=known.weights,
        # What was solved in closed form alone goes on with steps.
        iterations=request.settings.iterations or STEPS,
    )
    _train(session, replace(request, settings=same), model)


def _train(
    session: Session,
    request: TrainingRequest,
    resumed: TrainedModel | None,
    kind: str = "train",
    then: Callable[[], None] | None = None,
    *,
    lays_aside: bool = True,
) -> None:
    settings = request.settings
    steps = steps_of(settings)
    given = gather_training(session)
    pairs, pictures, files = given.pairs, given.pictures, given.files
    # Copies, since the user may go on painting while the network trains.
    annotations = [np.array(layer_array(labels)) for _, labels in pairs]
    name = pairs[0][0].name if pairs else files[0].image.parent.name
    # Models that other work may read go with the new path.
    session.runner.require_idle()
    model_path = session.models.new_path()
    before = 0 if resumed is None else len(resumed.card.losses)
    values = [] if resumed is None else list(resumed.card.class_values)

    trained_on: list[tuple[int, ...]] = []
    strokes = session.strokes()

    def start(on_progress: OnProgress) -> Job[ModelCard]:
        # What is previewed is the first plane that is trained on.
        for picture, found in zip(pictures[:1], annotations, strict=False):
            planes = found.reshape(picture.spatial_shape)
            trained_on.append(next(annotated_planes(planes, settings.labels), ()))
        read = read_for_training(pictures, annotations, settings, on_progress)
        for done, pair in enumerate(files):
            on_progress(Progress("Reading files", done, len(files)))
            image, found = pair.read()
            read.add(image.channels_last(), found)
        given = training.check_training_input(read.images, read.labels, settings)
        values[:] = values or given.counts
        on_progress(Progress("Preparing"))
        return session.runner.service.train(
            read.images,
            read.labels,
            replace(
                request,
                class_names=dict(session.class_names.given),
                resume_path=None if resumed is None else resumed.path,
                # Patches are no image that a preview could lie on.
                preview=request.preview and not any(read.are_patches),
                are_patches=tuple(read.are_patches),
            ),
            model_path,
        )

    def show(probabilities: np.ndarray) -> None:
        if pairs and pairs[0][0] in session.viewer.layers and len(values) == len(probabilities):
            image, annotation = pairs[0]
            # On the main thread, which waits for no other.
            shown = most_probable(probabilities, as_label_values(values), threads=1)
            layer = preview_layers.show_prediction_preview(
                session.viewer, image, shown, annotation.colormap, trained_on[0]
            )
            if layer is not None:
                session.screen.arrange(image, "training", layer)

    def keep(card: ModelCard) -> Iterator[None]:
        if resumed is not None:
            card = replace(card, crf=resumed.card.crf)
        if pairs:
            card = replace(card, class_colours=class_colours(pairs[0][1], card.class_values))
        session.models.keep(model_path, card, f"{name}.keras", is_saved=False, learnt_from=strokes)
        if note := _note(session):
            tell(note)
        done = len(card.losses) - before
        if done < steps:
            ending = card.record.get("ending", "")
            why = f" {ending}" if ending.endswith(".") else ""
            tell(f"Training stopped after {done} of {steps} iterations.{why}")
        yield
        session.screen.end_preview()
        if lays_aside:
            _use_another_model(session)

    session.runner.run_job(kind, "Training", start, keep, show, then=then)


def _use_another_model(session: Session) -> None:
    """Say of all results that an earlier model made them, and lay them aside."""
    note_earlier(session.viewer, RESULTS, "earlier model")
    if session.selection.image is not None:
        session.screen.arrange(session.selection.image, "train")


def _note(session: Session) -> str:
    activity = session.runner.activity
    return "" if activity is None else activity.latest.note


def predict(
    session: Session,
    kind: str = "predict",
    then: Callable[[], None] | None = None,
    *,
    slice_only: bool = False,
) -> None:
    """Predict the chosen image with the current model: add its labels, and the probabilities.

    Parameters are those of `train`, and `slice_only`: whether of a stack only the slice on the
    screen is predicted.
    """
    image = session.selection.require_image()
    model = session.models.require()
    picture = session.selection.picture()
    slice_only = slice_only and len(picture.spatial_shape) > 2
    if slice_only or is_large(image, picture):
        large_prediction.predict(session, kind, then, slice_only=slice_only)
        return
    run_record: dict[str, object] = {}
    began = time.perf_counter()

    earlier = earlier_results(session.viewer, image, "predicted")

    def finish(probabilities: np.ndarray) -> tuple[np.ndarray, Made]:
        labels = most_probable(probabilities, as_label_values(model.card.class_values))
        return probabilities, Made.of(labels, earlier)

    def keep(found: tuple[np.ndarray, Made]) -> Iterator[None]:
        probabilities, labels = found
        if image not in session.viewer.layers:
            tell(f"'{image.name}' was closed; its prediction is not shown.")
            return
        run_record["seconds"] = round(time.perf_counter() - began, 3)
        if note := _note(session):
            run_record["note"] = note
            tell(note)
        card = replace(model.card, record=model.card.record | {"prediction": run_record})
        layer = add_probabilities(session.viewer, image, probabilities, card)
        session.selection.choose_sources((layer,))
        session.results.keep_refined(None)
        yield
        if image not in session.viewer.layers or layer not in session.viewer.layers:
            return
        look = class_look(session.screen.annotation_of(image), layer)
        predicted = add_predicted(session.viewer, image, labels, look, card.record)
        note_earlier(session.viewer, MADE_OF_A_PREDICTION, "earlier", image)
        session.screen.arrange(image, "predict", predicted)

    def start(on_progress: OnProgress) -> Job[np.ndarray]:
        on_progress(Progress("Preparing"))
        array = prediction.check_prediction_input(model.card, picture)
        run_record.update(record.start_record() | prediction_record(model))
        run_record["image_sha256"] = record.array_sha256(array)
        on_progress(Progress("Preparing"))
        return session.runner.service.predict(model.path, array, axes=f"{picture.spatial_axes}c")

    session.runner.run_job(kind, "Predicting", start, keep, finish=finish, then=then)


def open_model(session: Session, path: Path) -> None:
    """Make a saved model the one that Predict uses."""
    card = read_card(path)
    session.models.keep(path, card, path.name, is_saved=True)
    session.class_names.suggest(zip(card.class_values, card.class_names, strict=True))
    _use_another_model(session)
    session.runner.prepare()

"""Predict an image that is larger than memory: block by block, what is seen first, as it grows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any

from napari_fcn_crf.batch.growing_prediction import GrowingPrediction, grow_in_service
from napari_fcn_crf.batch.unfinished_blocks import Grown
from napari_fcn_crf.compute.parent.service import Job
from napari_fcn_crf.data.lazy_intensity import image_digest
from napari_fcn_crf.model import record
from napari_fcn_crf.pipeline.blocks import Block
from napari_fcn_crf.pipeline.prediction import check_prediction_picture
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.ui.actions.onlooker import Onlooker
from napari_fcn_crf.ui.actions.prediction_record import MADE_OF_A_PREDICTION, prediction_record
from napari_fcn_crf.ui.session.growing import GrowingResult
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.growing_layers import (
    add_growing_labels,
    add_growing_probabilities,
    show_growth,
)
from napari_fcn_crf.ui.viewer.ownership import note_earlier, our_metadata
from napari_fcn_crf.ui.viewer.result_layers import class_look


def predict(
    session: Session,
    kind: str = "predict",
    then: Callable[[], None] | None = None,
    *,
    slice_only: bool = False,
) -> None:
    """Predict the chosen image with the current model, going on with what there is of it.

    Parameters
    ----------
    session : Session
    kind : str
        Which button it belongs to.
    then : callable, optional
        Starts what comes next.
    slice_only : bool
        Whether only the slice on the screen is wanted.

    Raises
    ------
    ValueError
        If there is no model, or no slice on the screen.
    """
    image, model = session.selection.require_image(), session.models.require()
    picture = session.selection.picture()
    check_prediction_picture(model.card, picture)
    session.runner.require_idle()
    onlooker = Onlooker(session.viewer, image, picture)
    index = onlooker.index() if slice_only else None
    run_record: dict[str, Any] = {}
    look = class_look(session.screen.annotation_of(image), None)
    kept: list[GrowingResult] = []

    def start(on_progress: OnProgress) -> Job[Grown]:
        on_progress(Progress("Preparing"))
        run_record.update(record.start_record() | prediction_record(model))
        # Of the whole image there is no hash: it would have to be read first.
        run_record["image_digest"] = image_digest(picture)
        key: Hashable = (run_record["model_sha256"], run_record["image_digest"])
        result = session.growing.find(image, "predicted", key)
        if result is None:
            folder = session.growing.new_folder()
            content = GrowingPrediction(folder, picture, model.card, model.path)
            result = GrowingResult(image, "predicted", key, content)
        kept.append(result)
        # One layer a turn of the event loop, for napari takes long enough to add one.
        on_progress(Progress("Preparing", partial="probabilities"))
        on_progress(Progress("Preparing", partial="labels"))
        return grow_in_service(session.runner.service, result.content, onlooker.seen, index)

    def show(told: str | Block) -> None:
        result = kept[0]
        if image not in session.viewer.layers:
            session.runner.cancel()
        elif told == "probabilities":
            if not result.layers:
                _add_probabilities(session, result, run_record)
        elif told == "labels":
            _add_labels(session, result, look)
        elif isinstance(told, Block):
            onlooker.look()
            for layer in result.layers:
                if layer in session.viewer.layers:
                    show_growth(session.viewer, layer, told.index)

    def keep(grown: Grown) -> Iterator[None]:
        if image not in session.viewer.layers:
            tell(f"'{image.name}' was closed; its prediction is not shown.")
            return
        if note := kept[0].content.note:
            run_record["note"] = note
            tell(note)
        run_record["seconds"] = run_record.get("seconds", 0) + round(grown.seconds, 3)
        if not grown.is_whole:
            tell(
                f"{grown.done} of {grown.total} blocks of '{image.name}' are predicted. Predict "
                "goes on from there."
            )
        yield

    session.runner.run_job(kind, "Predicting", start, keep, show, then=then)


def _add_probabilities(session: Session, result: GrowingResult, run_record: dict[str, Any]) -> None:
    image, content = result.image, result.content
    card = replace(content.card, record=content.card.record | {"prediction": run_record})
    layer = add_growing_probabilities(session.viewer, image, content.probabilities.levels, card)
    result.layers.append(layer)
    session.growing.keep(result)
    session.selection.choose_sources((layer,))
    session.results.keep_refined(None)


def _add_labels(session: Session, result: GrowingResult, look: Any) -> None:
    viewer, image = session.viewer, result.image
    probabilities = result.layers[0]
    if len(result.layers) == 1:
        if look.colormap is None:
            look = class_look(None, probabilities)
        look = replace(look, values=result.content.card.class_values)
        labels = add_growing_labels(
            viewer,
            image,
            result.content.labels.levels,
            "predicted",
            look,
            our_metadata(probabilities)["record"],
        )
        result.layers.append(labels)
        note_earlier(viewer, MADE_OF_A_PREDICTION, "earlier", image)
    if result.layers[1] in viewer.layers:
        session.selection.choose_sources((probabilities,))
        session.screen.arrange(image, "predict", result.layers[1])

"""Refine an image that is larger than memory: block by block, what is seen first, as it grows."""

from __future__ import annotations

import shutil
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_fcn_crf.batch.growing_refinement import GrowingRefinement, RefinementSource
from napari_fcn_crf.batch.unfinished_blocks import Grown
from napari_fcn_crf.data.lazy_intensity import image_digest
from napari_fcn_crf.model import record
from napari_fcn_crf.pipeline.blocks import Block
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions.onlooker import Onlooker
from napari_fcn_crf.ui.actions.refinement_input import RefinementInput
from napari_fcn_crf.ui.session.growing import GrowingResult
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.growing_layers import add_growing_labels, show_growth
from napari_fcn_crf.ui.viewer.ownership import note_earlier
from napari_fcn_crf.ui.viewer.result_layers import ClassLook


def refine(
    session: Session,
    settings: CRFSettings,
    given: RefinementInput,
    look: ClassLook,
    kind: str = "refine",
) -> None:
    """Refine the chosen source, going on with what there is of it, and show the labels.

    Parameters
    ----------
    session : Session
    settings : CRFSettings
    given : RefinementInput
    look : ClassLook
    kind : str
        Which button it belongs to.

    Raises
    ------
    ValueError
        If the source, or what is asked for, is not possible block by block.
    """
    image, picture = given.image, given.picture
    source, values = _source(session, given)
    onlooker = Onlooker(session.viewer, image, picture)
    index = onlooker.index() if given.index else None
    stop = threading.Event()
    run_record: dict[str, Any] = {}
    kept: list[GrowingResult] = []

    def work(on_progress: OnProgress) -> Grown:
        on_progress(Progress("Preparing"))
        run_record.update(record.start_record())
        run_record["image_digest"] = image_digest(picture)
        strokes = source.annotated
        key = (
            run_record["image_digest"],
            id(session.selection.sources[0]),
            settings,
            source.only_value,
            0 if strokes is None else zlib.crc32(np.ascontiguousarray(strokes).data),
        )
        result = session.growing.find(image, "refined", key)
        if result is None:
            content = GrowingRefinement(session.growing.new_folder(), source, settings)
            result = GrowingResult(image, "refined", key, content)
        growing: GrowingRefinement = result.content
        if not growing.can_grow(index):
            if not result.layers:
                shutil.rmtree(growing.folder, ignore_errors=True)
            raise ValueError(
                f"Of '{picture.name}', nothing is predicted yet as far around as refining needs. "
                "Press Predict, which goes on with what is there."
            )
        kept.append(result)
        on_progress(Progress("Preparing", partial="labels"))
        return growing.grow(onlooker.seen, index, on_progress, stop.is_set)

    def show(told: str | Block) -> None:
        if image not in session.viewer.layers:
            session.runner.cancel()
        elif isinstance(told, Block):
            onlooker.look()
            show_growth(session.viewer, kept[0].layers[0], told.index)
        else:
            crf = {"crf": settings.to_dict(), "refinement": run_record}
            colours = replace(look, values=values)
            _add_labels(session, kept[0], colours, given.record | crf)

    def keep(grown: Grown) -> Iterator[None]:
        if image not in session.viewer.layers:
            tell(f"'{image.name}' was closed; its refinement is not shown.")
            return
        result = kept[0]
        run_record["seconds"] = run_record.get("seconds", 0) + round(grown.seconds, 3)
        run_record["changed"] = result.content.changed
        if given.note:
            tell(given.note)
        if not grown.is_whole:
            tell(
                f"{grown.done} of {grown.total} blocks of '{image.name}' are refined. Refine goes "
                "on from there, wherever there are probabilities."
            )
        yield
        _keep_refined(session, result)

    session.runner.run(kind, "Refining", work, stop.set, keep, show)


def _source(session: Session, given: RefinementInput) -> tuple[RefinementSource, tuple[int, ...]]:
    """Return what is refined, and the label value of each class."""
    layer, picture, options = session.selection.sources[0], given.picture, given.options
    why = "it is larger than memory" if given.is_large else "not all of it need be predicted"
    name = f"'{picture.name}' is refined block by block, for {why}"
    if isinstance(layer, Labels) or len(session.selection.sources) > 1:
        raise ValueError(
            f"{name}, which takes one layer of probabilities, classes first. Press Predict first, "
            "or choose one."
        )
    if given.spacing is not None:
        raise ValueError(f"{name}, and slice by slice. Choose all slices, or this slice.")
    if options.within is not None:
        raise ValueError(f"{name}, all over. Choose the whole image instead of a region.")
    result = session.growing.of(layer)
    probabilities = layer.data[0] if layer.multiscale else layer.data
    if tuple(probabilities.shape[1:]) != picture.spatial_shape:
        raise ValueError(
            f"{name}, which takes probabilities with the classes on the first axis, but "
            f"'{layer.name}' is {tuple(probabilities.shape)}. Choose other ones."
        )
    classes = int(probabilities.shape[0])
    values = given.noted_values or tuple(range(1, classes + 1))
    source = RefinementSource(
        picture,
        probabilities,
        tuple(values),
        annotated=given.strokes,
        only_value=options.only_value,
    )
    if result is not None:
        content = result.content
        source = replace(source, probabilities=content.probabilities, is_there=content.blocks.cover)
    return source, tuple(values)


def _add_labels(
    session: Session, result: GrowingResult, look: ClassLook, said: dict[str, Any]
) -> None:
    viewer, image = session.viewer, result.image
    if not result.layers:
        levels = result.content.labels.levels
        result.layers.append(add_growing_labels(viewer, image, levels, "refined", look, said))
        session.growing.keep(result)
        note_earlier(viewer, ("cleaned", "instances"), "earlier", image)
    session.screen.arrange(image, "refine", result.layers[0])


def _keep_refined(session: Session, result: GrowingResult) -> None:
    """Let before and after be compared, if the prediction is shown still."""
    source = session.growing.of(session.selection.sources[0]) if session.selection.sources else None
    labels = result.layers[0]
    if source is None or len(source.layers) < 2 or labels not in session.viewer.layers:
        return
    content = result.content
    before, after = content.areas
    predicted = source.layers[1]
    if isinstance(predicted, Labels) and isinstance(labels, Labels):
        session.results.keep_refined(
            Refined(result.image, predicted, labels, None, content.changed, before, after)
        )

"""Refine, tune, clean up: from layers to work, from its result to layers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_fcn_crf.model import record
from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.results import cleanup
from napari_fcn_crf.results.metrics import changed_fraction, label_fractions
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.actions import large_refinement
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.actions.split_actions import record_of_objects, to_split
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer import preview_layers
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place
from napari_fcn_crf.ui.viewer.layers import class_colours
from napari_fcn_crf.ui.viewer.ownership import (
    Made,
    earlier_results,
    note_earlier,
    our_metadata,
)
from napari_fcn_crf.ui.viewer.result_layers import (
    ClassLook,
    add_predicted,
    add_refined,
    add_result,
    class_look,
)

if TYPE_CHECKING:
    from napari_fcn_crf.crf.tuning.edge_sensitivity import TuningResult


@dataclass(frozen=True)
class _Outcome:
    before: Made
    after: Made
    differs: np.ndarray
    changed: float
    areas_before: dict[int, float]
    areas_after: dict[int, float]
    record: dict[str, Any]

    @property
    def class_values(self) -> tuple[int, ...]:
        """Label value of each class."""
        return tuple(self.areas_after)


def refine(
    session: Session, settings: CRFSettings, options: RefinementOptions, kind: str = "refine"
) -> None:
    """Refine the chosen source with the dense CRF and add the labels.

    Parameters
    ----------
    session : Session
    settings : CRFSettings
    options : RefinementOptions
    kind : str
        Which button it belongs to.
    """
    given = gather(session, options)
    image = given.image
    annotation = session.screen.annotation_of(image)
    look = class_look(annotation, session.selection.sources[0])
    if given.is_large or session.growing.of(session.selection.sources[0]) is not None:
        large_refinement.refine(session, settings, given, look, kind)
        return
    colormap = look.colormap
    stop = threading.Event()
    earlier = {
        kind: earlier_results(session.viewer, image, kind) for kind in ("predicted", "refined")
    }

    def work(on_progress: OnProgress) -> _Outcome:
        on_progress(Progress("Preparing"))
        run_record, began = record.start_record(), time.perf_counter()
        arrays = given.arrays()
        run_record["image_sha256"] = record.array_sha256(arrays.image)
        if arrays.annotated is not None:
            run_record["annotated_sha256"] = record.array_sha256(arrays.annotated)
        before = most_probable(arrays.whole)
        after = before.copy()
        by_slice = before.ndim > 2 and given.spacing is None and not given.index

        def on_plane(index: tuple[int, ...], marginals: np.ndarray) -> None:
            if by_slice:
                plane = arrays.values[marginals.argmax(axis=0)]
                on_progress(Progress("Refining", partial=(index, plane)))

        if by_slice:
            on_progress(Progress("Refining", partial=((), arrays.values[before])))
        marginals = refinement.refine(
            arrays.image,
            arrays.probabilities,
            settings,
            intensity=arrays.intensity,
            on_progress=on_progress,
            should_stop=stop.is_set,
            annotated=arrays.annotated,
            volume_spacing=given.spacing,
            on_plane=on_plane,
        )
        allowed = given.restrict(arrays.probabilities, marginals, arrays.values)
        after[given.index] = most_probable(allowed)
        before, after = arrays.values[before], arrays.values[after]
        changed = changed_fraction(before, after)
        run_record["seconds"] = round(time.perf_counter() - began, 3)
        if arrays.note:
            run_record["note"] = arrays.note
        return _Outcome(
            Made.of(before, earlier["predicted"]),
            Made.of(after, earlier["refined"]),
            (before != after).view(np.uint8),
            changed,
            label_fractions(before, arrays.values),
            label_fractions(after, arrays.values),
            given.record
            | {"crf": settings.to_dict(), "changed": changed, "refinement": run_record},
        )

    growing: list[Labels] = []

    def grow(part: tuple[tuple[int, ...], np.ndarray]) -> None:
        index, labels = part
        if not index:
            growing.append(preview_layers.add_growing(session.viewer, image, labels, colormap))
            session.screen.arrange(image, "preview", growing[0])
        elif growing and growing[0] in session.viewer.layers:
            preview_layers.grow(session.viewer, growing[0], index, labels)

    def keep(outcome: _Outcome) -> Iterator[None]:
        session.screen.end_preview()
        if note := outcome.record["refinement"].get("note"):
            tell(note)
        if image not in session.viewer.layers:
            tell(f"'{image.name}' was closed; its refinement is not shown.")
            return
        look = ClassLook(outcome.class_values, colormap)
        predicted = add_predicted(session.viewer, image, outcome.before, look, given.record)
        yield
        if image not in session.viewer.layers or predicted not in session.viewer.layers:
            return
        refined = add_refined(session.viewer, image, outcome.after, look, outcome.record)
        note_earlier(session.viewer, ("cleaned", "instances"), "earlier", image)
        session.screen.arrange(image, "refine", refined)
        session.results.keep_refined(
            Refined(
                image,
                predicted,
                refined,
                outcome.differs,
                outcome.changed,
                outcome.areas_before,
                outcome.areas_after,
            )
        )

    session.runner.run(kind, "Refining", work, stop.set, keep, grow)


def tune(
    session: Session,
    settings: CRFSettings,
    options: RefinementOptions,
    budget_s: float,
    on_tuned: Callable[[TuningResult], None],
) -> None:
    """Search the CRF settings that find held-out strokes best."""
    selection = session.selection
    if selection.annotation is None:
        raise ValueError("Tuning needs a labels layer with strokes of each class. Paint some.")
    selection.require_own(selection.annotation, selection.require_image())
    check_same_place(selection.picture(), selection.annotation)
    slice_options = RefinementOptions(
        keep_annotated=True,
        extent="slice",
        confidence=options.confidence,
        zero=options.zero,
    )
    given = gather(session, slice_options)
    annotation = layer_array(selection.annotation)
    mode, ignored = session.meaning.mode, session.meaning.ignore_label
    stop = threading.Event()

    def work(on_progress: OnProgress) -> TuningResult:
        from napari_fcn_crf.crf.tuning.edge_sensitivity import tune as search
        from napari_fcn_crf.data.annotations import class_indices

        on_progress(Progress("Preparing"))
        arrays = given.arrays()
        values = tuple(arrays.values.tolist())
        strokes = np.asarray(annotation).reshape(arrays.whole.shape[1:])[given.index]
        annotated = class_indices(strokes, values, mode, ignored)

        def on_trial(used: float, budget: float, score: float) -> None:
            phase = f"Tuning, best score on held-out strokes {score:.3f}"
            on_progress(Progress(phase, round(used), round(budget), unit="s"))

        return search(
            arrays.mapped(),
            arrays.probabilities,
            annotated,
            settings,
            budget_s=budget_s,
            on_trial=on_trial,
            should_stop=stop.is_set,
        )

    session.runner.run("tune", "Tuning", work, stop.set, on_tuned)


def remove_small(session: Session, minimum_px: int) -> None:
    """Add the refined labels without regions below a size."""
    _tidy(
        session,
        "Cleaning up",
        "cleaned",
        lambda labels, _: cleanup.remove_small_regions(labels, minimum_px),
        {"smallest_region_px": minimum_px},
    )


def split_instances(session: Session, value: int, minimum_px: int | None = None) -> None:
    """Add a layer in which the objects of one class are numbered.

    Of a network that has learnt borders, they are the objects inside these.
    """
    given = to_split(session, value)
    stop = threading.Event()
    _tidy(
        session,
        "Splitting objects",
        "instances",
        lambda _, on_progress: given.split(minimum_px, on_progress, stop.is_set),
        record_of_objects(
            given.value,
            session.class_names.of(given.value),
            class_colours(given.source, (given.value,))[0],
            minimum_px,
        ),
        stop.set,
    )


def _tidy(
    session: Session,
    title: str,
    kind: str,
    tidied: Callable[[np.ndarray, OnProgress], np.ndarray],
    settings: dict[str, Any],
    cancel: Callable[[], None] = lambda: None,
) -> None:
    """Add a result that is made of the refined labels."""
    image, source = _refined_to_tidy(session)
    earlier = earlier_results(session.viewer, image, kind)
    labels = source.data

    def keep(made: Made) -> None:
        noted = our_metadata(source)
        look = None
        if kind == "cleaned":
            look = ClassLook(noted.get("class_values", ()), source.colormap)
        record = noted.get("record", {}) | settings
        layer = add_result(session.viewer, image, made, kind, look, record)
        session.screen.arrange(image, "clean up" if kind == "cleaned" else "split", layer)

    session.runner.run(
        "cleanup",
        title,
        lambda on_progress: Made.of(tidied(np.array(labels), on_progress), earlier),
        cancel,
        keep,
    )


def _refined_to_tidy(session: Session) -> tuple[Image, Labels]:
    refined = session.results.refined
    if refined is None or refined.refined not in session.viewer.layers:
        raise ValueError("There is nothing to clean up yet. Press Refine first.")
    if refined.refined.multiscale:
        raise ValueError(
            f"'{refined.image.name}' is too large to be cleaned up here. Segment it with "
            "'napari-fcn-crf batch --minimum-px', or Predict, a folder."
        )
    return refined.image, refined.refined

"""What the refinement's buttons do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_info

from napari_fcn_crf import cleanup, record, refinement, uncertainty
from napari_fcn_crf.metrics import changed_fraction
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui import layers
from napari_fcn_crf.ui.camera import camera_of
from napari_fcn_crf.ui.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.results import Refined
from napari_fcn_crf.ui.session import Session, require_image


@dataclass(frozen=True)
class _Outcome:
    before: np.ndarray
    after: np.ndarray
    changed: float
    areas_before: dict[int, float]
    areas_after: dict[int, float]
    record: dict[str, Any]


def refine(session: Session, settings: CRFSettings, options: RefinementOptions) -> None:
    """Refine the chosen source with the dense CRF and add the labels."""
    given = gather(session, options)
    image = given.image
    colormap = layers.result_colormap(session.annotation, session.sources[0])
    stop = threading.Event()

    def work(on_progress: OnProgress) -> _Outcome:
        on_progress(Progress("Preparing"))
        run_record, began = record.start_record(), time.perf_counter()
        arrays = given.arrays()
        run_record["image_sha256"] = record.array_sha256(arrays.image)
        if arrays.annotated is not None:
            run_record["annotated_sha256"] = record.array_sha256(arrays.annotated)
        before = arrays.whole.argmax(axis=0)
        after = before.copy()
        by_slice = image.ndim > 2 and given.spacing is None and not given.index

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
            on_progress=on_progress,
            should_stop=stop.is_set,
            annotated=arrays.annotated,
            volume_spacing=given.spacing,
            on_plane=on_plane,
        )
        allowed = given.restrict(arrays.probabilities, marginals, arrays.values)
        after[given.index] = allowed.argmax(axis=0)
        before, after = arrays.values[before], arrays.values[after]
        changed = changed_fraction(before, after)
        run_record["seconds"] = round(time.perf_counter() - began, 3)
        return _Outcome(
            before,
            after,
            changed,
            _areas(before, arrays.values),
            _areas(after, arrays.values),
            given.record
            | {"crf": settings.to_dict(), "changed": changed, "refinement": run_record},
        )

    def grow(part: tuple[tuple[int, ...], np.ndarray]) -> None:
        index, labels = part
        if not index:
            session.growing = layers.add_refined(session.viewer, image, labels, colormap, {})
        elif session.growing is not None and session.growing in session.viewer.layers:
            session.growing.data[index] = labels
            layers.note_checksum(session.growing)
            session.growing.refresh()

    def keep(outcome: _Outcome) -> Iterator[None]:
        session.growing = None
        if image not in session.viewer.layers:
            show_info(f"'{image.name}' was closed; its refinement is not shown.")
            return
        predicted = layers.add_predicted(
            session.viewer, image, outcome.before, colormap, given.record
        )
        yield
        if image not in session.viewer.layers or predicted not in session.viewer.layers:
            return
        refined = layers.add_refined(session.viewer, image, outcome.after, colormap, outcome.record)
        session.refined = Refined(
            predicted, refined, outcome.changed, outcome.areas_before, outcome.areas_after
        )

    session.run("refine", "Refining", work, stop.set, keep, grow)


def tune(
    session: Session,
    settings: CRFSettings,
    options: RefinementOptions,
    budget_s: float,
    on_tuned: Callable[[object], None],
) -> None:
    """Search the CRF settings that find held-out strokes best."""
    if session.annotation is None:
        raise ValueError("Tuning needs a labels layer with strokes of each class. Paint some.")
    slice_options = RefinementOptions(
        keep_annotated=True,
        extent="slice",
        confidence=options.confidence,
        zero=options.zero,
    )
    given = gather(session, slice_options)
    annotation = np.array(layers.layer_array(session.annotation))
    mode = session.label_mode
    stop = threading.Event()

    def work(on_progress: OnProgress) -> object:
        from napari_fcn_crf.annotations import class_indices
        from napari_fcn_crf.crf.tuning import tune as search
        from napari_fcn_crf.images import drop_alpha, split_channels

        on_progress(Progress("Preparing"))
        arrays = given.arrays()
        annotated = class_indices(annotation, tuple(arrays.values.tolist()), mode)
        channels_last, _ = split_channels(arrays.image, arrays.probabilities.shape[1:])

        def on_trial(used: float, budget: float, score: float) -> None:
            phase = f"Tuning, best score on held-out strokes {score:.3f}"
            on_progress(Progress(phase, round(used), round(budget), unit="s"))

        return search(
            arrays.plane.apply(drop_alpha(channels_last)),
            arrays.probabilities,
            annotated[given.index],
            settings,
            budget_s=budget_s,
            on_trial=on_trial,
            should_stop=stop.is_set,
        )

    session.run("tune", "Tuning", work, stop.set, on_tuned)


def show_uncertainty(session: Session) -> None:
    """Add a layer with each pixel's entropy."""
    given = gather(session, RefinementOptions())

    def keep(entropy: np.ndarray) -> None:
        if given.image in session.viewer.layers:
            session.uncertainty = layers.add_uncertainty(
                session.viewer, given.image, entropy, given.record
            )

    session.run(
        "uncertainty",
        "Measuring uncertainty",
        lambda on_progress: uncertainty.entropy(given.arrays().whole),
        lambda: None,
        keep,
    )


def go_to_most_uncertain(session: Session) -> None:
    """Move the camera where one more stroke helps most, and take the brush."""
    image = require_image(session)
    if session.uncertainty is None:
        raise ValueError("There is no uncertainty layer yet. Press Show uncertainty first.")
    annotated = None
    if session.annotation is not None and session.label_mode == "scribbles":
        annotated = np.asarray(layers.layer_array(session.annotation)) != 0
    entropy = np.asarray(session.uncertainty.data)
    if annotated is not None and annotated.shape != entropy.shape:
        annotated = None
    position = uncertainty.most_uncertain_position(entropy, annotated)
    viewer = session.viewer
    world = image.data_to_world(position)
    offset = viewer.dims.ndim - image.ndim
    for axis, coordinate in enumerate(world[:-2]):
        viewer.dims.set_point(axis + offset, coordinate)
    camera_of(viewer).center = (0.0, *world[-2:])
    if session.annotation is not None:
        viewer.layers.selection.active = session.annotation
        session.annotation.mode = "paint"


def remove_small(session: Session, minimum_px: int) -> None:
    """Add the refined labels without regions below a size."""
    image, source = require_image(session), _labels_to_tidy(session)
    labels = np.array(source.data)
    session.run(
        "cleanup",
        "Cleaning up",
        lambda on_progress: cleanup.remove_small_regions(labels, minimum_px),
        lambda: None,
        lambda cleaned: layers.add_result(
            session.viewer,
            image,
            cleaned,
            "cleaned",
            source.colormap,
            _record_of(source) | {"smallest_region_px": minimum_px},
        ),
    )


def split_instances(session: Session, value: int, minimum_distance_px: int) -> None:
    """Add a layer in which the objects of one class are numbered."""
    image, source = require_image(session), _labels_to_tidy(session)
    labels = np.array(source.data)
    session.run(
        "cleanup",
        "Splitting objects",
        lambda on_progress: cleanup.split_instances(labels, value, minimum_distance_px),
        lambda: None,
        lambda found: layers.add_result(
            session.viewer,
            image,
            found,
            "instances",
            None,
            _record_of(source)
            | {"objects_of_label": value, "smallest_distance_px": minimum_distance_px},
        ),
    )


def _record_of(layer: Labels) -> dict[str, Any]:
    return layers.our_metadata(layer).get("record", {})


def _labels_to_tidy(session: Session) -> Labels:
    if session.refined is None or session.refined.refined not in session.viewer.layers:
        raise ValueError("There is nothing to clean up yet. Press Refine first.")
    return session.refined.refined


def _areas(labels: np.ndarray, values: np.ndarray) -> dict[int, float]:
    return {int(value): float(np.mean(labels == value)) for value in values}

"""Uncertainty of a prediction: shown, and led to where one more stroke helps most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from napari.layers import Image

from napari_fcn_crf.data.picture import same_spatial_shape
from napari_fcn_crf.progress import OnProgress
from napari_fcn_crf.results import uncertainty
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.camera import show_position
from napari_fcn_crf.ui.viewer.growing_layers import add_lazy_uncertainty
from napari_fcn_crf.ui.viewer.ownership import image_of
from napari_fcn_crf.ui.viewer.place_mark import (
    mark_place,
    outline_place,
    remove_with_next_stroke,
)
from napari_fcn_crf.ui.viewer.result_layers import add_uncertainty


def show_uncertainty(session: Session) -> None:
    """Add a layer with each pixel's entropy, and show it."""

    def show(image: Image, layer: Image) -> None:
        session.screen.arrange(image, "uncertainty", layer)

    _measure_uncertainty(session, show)


def _measure_uncertainty(
    session: Session,
    show: Callable[[Image, Image], None],
    then: Callable[[], None] | None = None,
) -> None:
    """Add a layer with each pixel's entropy; `show` is given its image and it."""
    given = gather(session, RefinementOptions())
    source = session.selection.sources[0]
    if given.is_lazy and isinstance(source, Image):
        lazy = add_lazy_uncertainty(session.viewer, given.image, source, given.record)
        growing = session.growing.of(source)
        if growing is not None:  # it is read from what grows, and drawn anew with it
            growing.layers.append(lazy)
        show(given.image, lazy)
        session.results.keep_uncertainty(lazy)
        return

    def keep(entropy: np.ndarray) -> None:
        if given.image in session.viewer.layers:
            layer = add_uncertainty(session.viewer, given.image, entropy, given.record)
            show(given.image, layer)
            session.results.keep_uncertainty(layer)

    session.runner.run(
        "uncertainty",
        "Measuring uncertainty",
        lambda on_progress: uncertainty.entropy(given.arrays().whole),
        lambda: None,
        keep,
        then=then,
    )


def go_to_most_uncertain(session: Session) -> None:
    """Move the camera where one more stroke helps most, outline it, and take the brush.

    Each time to another place, until the uncertainty is measured again; at first it is. With Live
    on, to the place that is outlined.
    """
    if session.live.place is not None:
        _go_to_live_place(session, session.live.place)
        return
    uncertain = session.results.uncertainty
    if uncertain is None:
        is_lazy = gather(session, RefinementOptions()).is_lazy
    else:
        is_lazy = type(layer_array(uncertain)) is not np.ndarray
    if is_lazy:
        raise ValueError(
            "Not all of what is predicted is there and in memory, which the search of the most "
            "uncertain region needs. Press Show uncertainty, and look where it is bright."
        )
    if uncertain is None:
        _measure_uncertainty(session, _hide, lambda: go_to_most_uncertain(session))
        return
    annotation, viewer = session.selection.annotation, session.viewer
    entropy, visited = uncertain.data, session.results.visited
    size_px = min(4 * uncertainty.WINDOW_SIGMA_PX, *entropy.shape[-2:])
    half = round(size_px / 2)
    strokes = None
    if annotation is not None and session.meaning.mode == "scribbles":
        strokes = layer_array(annotation)

    def search(on_progress: OnProgress) -> tuple[int, ...]:
        done = np.zeros(entropy.shape, bool)
        if strokes is not None and same_spatial_shape(strokes.shape, entropy.shape):
            done |= np.asarray(strokes).reshape(entropy.shape) != 0
        for *plane, row, column in visited:
            seen = done[tuple(plane)]
            seen[max(row - half, 0) : row + half, max(column - half, 0) : column + half] = True
        return uncertainty.most_uncertain_position(entropy, done)

    def go(position: tuple[int, ...]) -> None:
        image = image_of(viewer, uncertain)
        if image is None:
            return
        session.results.note_visited(position)
        show_position(viewer, uncertain, position, size_px)
        mark = mark_place(viewer, image, position, size_px)
        session.screen.arrange(image, "most uncertain", mark)
        if annotation is not None:
            remove_with_next_stroke(viewer, annotation)

    session.runner.run(
        "uncertainty", "Searching the most uncertain region", search, lambda: None, go
    )


def _hide(image: Image, layer: Image) -> None:
    """Hide what was measured for a place alone: what is on the screen stays there."""
    layer.visible = False


def _go_to_live_place(session: Session, position: tuple[int, ...]) -> None:
    image, labels = session.selection.image, session.live.layer
    if image is None or labels is None:
        return
    size_px = min(4 * uncertainty.WINDOW_SIGMA_PX, *labels.data.shape[-2:])
    show_position(session.viewer, labels, position, size_px)
    mark = outline_place(session.viewer, image, position, size_px)
    session.screen.arrange(image, "most uncertain", mark)

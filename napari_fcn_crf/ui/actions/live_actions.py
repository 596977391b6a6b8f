"""Live and Segment: strokes to refined labels, followed or with one click; and Live's model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_fcn_crf.compute.parent.service import TrainingRequest
from napari_fcn_crf.fcn.heads.head import find_head
from napari_fcn_crf.model import record
from napari_fcn_crf.results.metrics import changed_fraction, label_fractions
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.actions import network_actions, refine_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions
from napari_fcn_crf.ui.actions.training_input import training_problem
from napari_fcn_crf.ui.session.live_planes import Whole
from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.ownership import Made, earlier_results, note_earlier
from napari_fcn_crf.ui.viewer.place_mark import remove_mark
from napari_fcn_crf.ui.viewer.result_layers import add_predicted, add_refined, class_look

_OLDER = ("probabilities", "cleaned", "instances", "uncertainty", "changed")


def segment(session: Session, options: RefinementOptions) -> None:
    """Train, predict and refine, one after the other.

    A head that is solved in closed form is not trained further: it gains nothing by that.
    """
    crf = session.choices.crf
    settings = _settings(session)
    network_actions.train(
        session,
        TrainingRequest(settings),
        "segment",
        lambda: network_actions.predict(
            session,
            "segment",
            lambda: refine_actions.refine(session, crf, options, "segment"),
        ),
    )


def end(session: Session) -> None:
    """Follow no longer: what there is becomes refined labels, and the strokes' model is kept."""
    if not session.live.is_on:
        return
    whole = session.live.end()
    remove_mark(session.viewer)
    if whole is None or whole.image not in session.viewer.layers:
        return
    _show(session, whole)
    is_free = session.runner.activity is None
    if is_free and whole.image is session.selection.image and not training_problem(session):
        keep_model(session)


def keep_model(session: Session, then: Callable[[], None] | None = None) -> None:
    """Make the strokes' model the one that is used, saved and gone on with.

    Parameters
    ----------
    session : Session
    then : callable, optional
        Called when it is.
    """
    network_actions.train(
        session, TrainingRequest(_settings(session)), "live", then, lays_aside=False
    )


def _settings(session: Session) -> TrainingSettings:
    meaning = session.meaning
    chosen: dict[str, Any] = dict(session.choices.training)
    if find_head(chosen["architecture"]).is_solved(TrainingSettings(**chosen)):
        chosen |= {"iterations": 0, "validation_fraction": 0.0}
    return TrainingSettings(
        **chosen,
        labels=meaning.mode,
        ignore_label=meaning.ignore_label,
        trust_labels=meaning.doubt is None,
    )


def _show(session: Session, whole: Whole) -> None:
    viewer, image = session.viewer, whole.image
    made = {
        kind: Made.of(array, earlier_results(viewer, image, kind))
        for kind, array in (("predicted", whole.before), ("refined", whole.after))
    }
    look = class_look(session.screen.annotation_of(image), None, whole.class_values)
    noted = {**record.start_record(), "live": True, **whole.settings}
    differs = (whole.before != whole.after).view(np.uint8)
    noted["changed"] = changed_fraction(whole.before, whole.after)
    predicted = add_predicted(viewer, image, made["predicted"], look, noted)
    refined = add_refined(viewer, image, made["refined"], look, noted)
    note_earlier(viewer, _OLDER, "earlier", image)
    session.screen.arrange(image, "refine", refined)
    session.results.keep_refined(
        Refined(
            image,
            predicted,
            refined,
            differs,
            noted["changed"],
            label_fractions(whole.before, whole.class_values),
            label_fractions(whole.after, whole.class_values),
        )
    )

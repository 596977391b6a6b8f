"""Folding of the steps: what is done is a line, and what is under way or next is in view."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step

_MOVES_ON = frozenset({"train", "predict", "refine"})
"""Kinds of work that make their step the current one."""

_OPEN_MS = 700
"""After the click: what moves under the pointer must not get the second one of a double click."""

_SETTLE_MS = 50


class Folding(QObject):
    """Opens the step whose work begins and folds the others, but those opened or folded by hand."""

    def __init__(self, session: Session, steps: Sequence[Step], scroll: QScrollArea) -> None:
        super().__init__(scroll)
        self._session = session
        self._steps = steps
        self._scroll = scroll
        self._work: object = None
        self._current: type[Step] = self._first()
        self._open_soon = one_shot(self, _OPEN_MS, self._open_current)
        self._reveal_soon = one_shot(self, _SETTLE_MS, self._reveal)
        session.runner.changed.connect(self._on_work_changed)
        self._open_current()

    def _first(self) -> type[Step]:
        """Return the step to begin with: where the session has come to."""
        session = self._session
        if session.selection.sources or session.results.refined is not None:
            return RefineStep
        return AnnotateStep if session.models.model is None else PredictStep

    def _open_current(self) -> None:
        for step in self._steps:
            if step.is_folded_by_hand is None:
                step.fold(not isinstance(step, self._current))
        # When the layout is what it will be.
        self._reveal_soon.start()

    def _on_work_changed(self) -> None:
        before, activity = self._work, self._session.runner.activity
        self._work = activity
        if activity is before:
            return
        if activity is not None and activity.kind in _MOVES_ON:
            self._current = next(type(one) for one in self._steps if activity.kind in one.kinds)
            self._open_soon.start()
        self._reveal_soon.start()

    def _reveal(self) -> None:
        target = self._target()
        if target is not None:
            self._scroll.ensureWidgetVisible(target, 0, 8)

    def _target(self) -> QWidget | None:
        """Return what has to be in view: the work under way, else the button to press next."""
        activity = self._session.runner.activity
        for step in self._steps:
            for button in step.findChildren(RunButton):
                if button.is_next or (activity is not None and button.kind == activity.kind):
                    return button
        return None

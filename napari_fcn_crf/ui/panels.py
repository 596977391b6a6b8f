"""Dock widgets of the plugin menu: the steps, one at a time or all below each other."""

from __future__ import annotations

from collections.abc import Sequence

import napari.viewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractButton, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_fcn_crf.ui import shortcuts
from napari_fcn_crf.ui.folding import Folding
from napari_fcn_crf.ui.room import Room
from napari_fcn_crf.ui.sections.message_area import MessageArea
from napari_fcn_crf.ui.sections.recovery import Recovery
from napari_fcn_crf.ui.session.session import Session, session_of
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.device import DeviceStep
from napari_fcn_crf.ui.steps.image import ImageStep
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.segment import SegmentStep
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.steps.train import TrainStep


class StepScroll(QScrollArea):
    """Steps below each other, scrolled when the window is low."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(2)
        for position, step in enumerate(steps):
            if position:
                line = QFrame()
                line.setFrameShape(QFrame.Shape.HLine)
                layout.addWidget(line)
            layout.addWidget(step)
        layout.addStretch()
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the panel as wide as its controls and the vertical bar beside them."""
        resizing = (QEvent.Type.LayoutRequest, QEvent.Type.Polish)
        inside, bar = self.widget(), self.verticalScrollBar()
        if (
            event is not None
            and event.type() in resizing
            and inside is not None
            and bar is not None
        ):
            self.setMinimumWidth(inside.minimumSizeHint().width() + bar.sizeHint().width())
        return super().eventFilter(watched, event)


class Panel(QWidget):
    """Steps, and above them what was said last."""

    def __init__(self, session: Session, steps: Sequence[Step]) -> None:
        super().__init__()
        self.steps = {type(step): step for step in steps}
        self.messages = MessageArea(session)
        self.recovery = Recovery(session)
        self.steps_view = StepScroll(steps)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.messages)
        layout.addWidget(self.recovery)
        layout.addWidget(self.steps_view, 1)
        self._removal = one_shot(self, 0, self._end_if_removed)
        _bind_keys(self)

    def changeEvent(self, event: QEvent | None) -> None:
        """End with the dock: napari takes the panel out of one that is closed, and keeps it."""
        super().changeEvent(event)
        is_other_parent = event is not None and event.type() == QEvent.Type.ParentChange
        if is_other_parent and self.parent() is None:
            self._removal.start()

    def _end_if_removed(self) -> None:
        if self.parent() is None:
            for step in self.steps.values():
                step.leave()
            self.deleteLater()


def _bind_keys(panel: Panel) -> None:
    keys: dict[shortcuts.Shortcut, RunButton | QAbstractButton] = {}
    for step in panel.steps.values():
        if isinstance(step, TrainStep):
            keys[shortcuts.TRAIN] = step.train_button
        elif isinstance(step, PredictStep):
            keys[shortcuts.PREDICT] = step.predict_button
        elif isinstance(step, RefineStep):
            keys[shortcuts.REFINE] = step.refine_button
            keys[shortcuts.COMPARE] = step.compare.toggle_button
            keys[shortcuts.GO] = step.uncertainty.go_button
            keys[shortcuts.OBJECTS] = step.cleanup.preview_box
        elif isinstance(step, SegmentStep):
            keys[shortcuts.LIVE] = step.live_box
    for shortcut, button in keys.items():
        if isinstance(button, RunButton):
            button.key = " or ".join(shortcut.chosen_keys())
    viewer = next(iter(panel.steps.values())).session.viewer
    presses = {
        shortcut: button.press if isinstance(button, RunButton) else button.click
        for shortcut, button in keys.items()
    }
    shortcuts.bind(viewer, presses, panel)
    for step in panel.steps.values():
        step.update_controls()


class SegmentPanel(Panel):
    """The whole workflow in one dock."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        refine = RefineStep(session, 5)
        steps: list[Step] = [
            AnnotateStep(session, 1),
            NetworkStep(session, 2),
            TrainStep(session, 3),
            PredictStep(session, 4),
            refine,
            DeviceStep(session),
        ]
        segment = SegmentStep(session, refine.restriction.options)
        super().__init__(session, [segment, *steps])
        # Its two controls stay, whatever is folded.
        self._folding = Folding(session, steps, self.steps_view)
        self._room = Room(session.viewer, self)


class LoadWeightsPanel(Panel):
    """The choice of network and weights."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        super().__init__(session, [NetworkStep(session)])


class TrainPanel(Panel):
    """Everything that training needs."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        steps = [
            AnnotateStep(session),
            NetworkStep(session),
            TrainStep(session),
            DeviceStep(session),
        ]
        super().__init__(session, steps)


class PredictPanel(Panel):
    """The prediction of an image with a trained or opened model."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        super().__init__(session, [ImageStep(session), PredictStep(session)])


class RefinePanel(Panel):
    """The refinement of a probability layer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        super().__init__(session, [ImageStep(session), RefineStep(session)])

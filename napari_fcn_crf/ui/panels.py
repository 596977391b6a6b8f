"""Dock widgets of the plugin menu: the steps, one at a time or all below each other."""

from __future__ import annotations

from collections.abc import Sequence

import napari.viewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_fcn_crf.ui import shortcuts
from napari_fcn_crf.ui.session.session import session_of
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.device import DeviceStep
from napari_fcn_crf.ui.steps.image import ImageStep
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.step import RunButton, Step
from napari_fcn_crf.ui.steps.train import TrainStep


class Panel(QScrollArea):
    """Steps below each other, scrolled when the window is low."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.steps = {type(step): step for step in steps}
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(8, 4, 8, 4)
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


def _bind_keys(panel: Panel) -> None:
    keys: dict[shortcuts.Shortcut, RunButton | QPushButton] = {}
    for step in panel.steps.values():
        if isinstance(step, TrainStep):
            keys[shortcuts.TRAIN] = step.train_button
        elif isinstance(step, PredictStep):
            keys[shortcuts.PREDICT] = step.predict_button
        elif isinstance(step, RefineStep):
            keys[shortcuts.REFINE] = step.refine_button
            keys[shortcuts.COMPARE] = step.compare.toggle_button
            keys[shortcuts.GO] = step.uncertainty.go_button
    for shortcut, button in keys.items():
        if isinstance(button, RunButton):
            button.key = " or ".join(shortcut.chosen_keys())
    viewer = next(iter(panel.steps.values())).session.viewer
    presses = {
        shortcut: (button.button if isinstance(button, RunButton) else button).click
        for shortcut, button in keys.items()
    }
    shortcuts.bind(viewer, presses, panel)
    for step in panel.steps.values():
        step.update_controls()


class SegmentPanel(Panel):
    """The whole workflow in one dock."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        network = NetworkStep(session, 2)
        super().__init__(
            [
                AnnotateStep(session, 1),
                network,
                TrainStep(session, network, 3),
                PredictStep(session, 4),
                RefineStep(session, 5),
                DeviceStep(session),
            ]
        )


class LoadWeightsPanel(Panel):
    """The choice of network and weights."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__([NetworkStep(session_of(napari_viewer))])


class TrainPanel(Panel):
    """Everything that training needs."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        network = NetworkStep(session)
        super().__init__(
            [AnnotateStep(session), network, TrainStep(session, network), DeviceStep(session)]
        )


class PredictPanel(Panel):
    """The prediction of an image with a trained or opened model."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        super().__init__([ImageStep(session), PredictStep(session)])


class RefinePanel(Panel):
    """The refinement of a probability layer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        session = session_of(napari_viewer)
        super().__init__([ImageStep(session), RefineStep(session)])

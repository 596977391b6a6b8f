"""The widgets of the plugin menu: the steps, one at a time or all below each other."""

from __future__ import annotations

from collections.abc import Sequence

import napari.viewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_fcn_crf.ui.annotate_step import AnnotateStep
from napari_fcn_crf.ui.image_step import ImageStep
from napari_fcn_crf.ui.network_step import NetworkStep
from napari_fcn_crf.ui.predict_step import PredictStep
from napari_fcn_crf.ui.refine_step import RefineStep
from napari_fcn_crf.ui.session import session_of
from napari_fcn_crf.ui.step import Step
from napari_fcn_crf.ui.train_step import TrainStep


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

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the panel as wide as its controls and the vertical bar beside them."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Polish):
            bar = self.verticalScrollBar().sizeHint().width()
            self.setMinimumWidth(self.widget().minimumSizeHint().width() + bar)
        return super().eventFilter(watched, event)


def segment_panel(napari_viewer: napari.viewer.Viewer) -> Panel:
    """Return the whole workflow in one dock."""
    session = session_of(napari_viewer)
    network = NetworkStep(session, 2)
    return Panel(
        [
            AnnotateStep(session, 1),
            network,
            TrainStep(session, network, 3),
            PredictStep(session, 4),
            RefineStep(session, 5),
        ]
    )


def load_weights_panel(napari_viewer: napari.viewer.Viewer) -> Panel:
    """Return the choice of network and weights."""
    return Panel([NetworkStep(session_of(napari_viewer))])


def train_panel(napari_viewer: napari.viewer.Viewer) -> Panel:
    """Return everything that training needs."""
    session = session_of(napari_viewer)
    network = NetworkStep(session)
    return Panel([AnnotateStep(session), network, TrainStep(session, network)])


def predict_panel(napari_viewer: napari.viewer.Viewer) -> Panel:
    """Return the prediction of an image with a trained or opened model."""
    session = session_of(napari_viewer)
    return Panel([ImageStep(session), PredictStep(session)])


def refine_panel(napari_viewer: napari.viewer.Viewer) -> Panel:
    """Return the refinement of a probability layer."""
    session = session_of(napari_viewer)
    return Panel([ImageStep(session), RefineStep(session)])

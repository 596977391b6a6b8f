"""A person who paints with Live: strokes by the mouse, and looks."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.segment import SegmentStep
from napari_fcn_crf.ui.viewer.live_layer import is_live
from tests.ui.conftest import click
from tests.ui.mouse import drag

PATIENCE_MS = 120_000


class LivePerson:
    """Has an image open in a large window, with the dock."""

    def __init__(self, viewer, panel, session, image, qtbot) -> None:
        window = viewer.window._qt_window
        window.resize(1200, 900)
        window.show()
        viewer.add_image(image, name="squares", contrast_limits=(0, 255))
        qtbot.wait(100)
        self.viewer, self.panel, self.session, self.qtbot = viewer, panel, session, qtbot
        self.step = panel.steps[SegmentStep]
        self.refine = panel.steps[RefineStep]

    @property
    def strokes(self) -> Labels:
        return self.session.selection.annotation

    @property
    def live(self) -> Labels | None:
        found = [layer for layer in self.viewer.layers if is_live(layer)]
        assert len(found) < 2
        return found[0] if found else None

    def makes_labels(self) -> None:
        click(self.qtbot, self.panel.steps[AnnotateStep].new_labels_button)

    def switch(self, wanted: bool) -> None:
        assert self.step.live_box.isChecked() != wanted
        self.step.live_box.click()

    def stroke(self, label, start, end, size=3, mode="paint") -> None:
        self.strokes.selected_label, self.strokes.brush_size = label, size
        self.strokes.mode = mode
        before = self.strokes.data.copy()
        plane = [round(at) for at in self.viewer.dims.point[: self.strokes.ndim - 2]]
        drag(self.viewer, self.qtbot, (*plane, *start), (*plane, *end), self.strokes)
        assert not np.array_equal(before, self.strokes.data)

    def wait(self) -> np.ndarray:
        self.qtbot.wait(20)
        self.qtbot.waitUntil(lambda: self.session.live.is_complete, timeout=PATIENCE_MS)
        return self.live.data.copy()

    def waits_for_strokes(self) -> None:
        self.qtbot.waitUntil(
            lambda: "Paint strokes of" in self.step.status.text(), timeout=PATIENCE_MS
        )
        self.qtbot.waitUntil(lambda: self.live is None, timeout=PATIENCE_MS)

    def stops(self) -> None:
        self.qtbot.waitUntil(lambda: not self.session.live.is_on, timeout=PATIENCE_MS)
        self.qtbot.wait(50)

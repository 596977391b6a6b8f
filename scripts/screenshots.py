"""Make the README's pictures: the real plugin in the real napari, driven by its own buttons.

Run it on a screen, or under one that is not shown::

    xvfb-run -a python scripts/screenshots.py docs/images
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_fcn_crf.ui.predict_step import PredictStep
from napari_fcn_crf.ui.refine_step import RefineStep
from napari_fcn_crf.ui.session import Session, session_of
from napari_fcn_crf.ui.step import RunButton
from napari_fcn_crf.ui.train_step import TrainStep

PLUGIN = "napari-fcn-crf"
DOCK = "Segment"
SINGLE_DOCKS = {
    "load-weights": "Load VGG weights",
    "train": "Train",
    "predict": "Predict",
    "refine": "Refine (CRF)",
}
WINDOW_PX = (1280, 960)


def settle(seconds: float = 0.3) -> None:
    """Let Qt draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def click(session: Session, step_button: RunButton, until_step: int | None = None) -> None:
    """Click a button and wait for the work to end, or to reach a step."""
    settle()
    step_button.button.click()
    while session.activity is not None:
        settle(0.05)
        if until_step is not None and session.activity is not None:
            latest = session.activity.latest
            if latest.loss is not None and latest.current >= until_step:
                return
    settle()


def shoot(viewer: napari.Viewer, path: Path) -> None:
    """Write a picture of the whole window."""
    settle()
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


def main(folder: Path) -> None:
    """Write every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    viewer.open_sample(PLUGIN, "cat_scribbles")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    session = session_of(viewer)
    settle(1)
    viewer.reset_view()
    shoot(viewer, folder / "1-annotate.png")

    train = panel.steps[TrainStep]
    click(session, train.train_button, until_step=train.controls.iterations.value // 2)
    shoot(viewer, folder / "2-train.png")
    while session.activity is not None:
        settle(0.05)

    click(session, panel.steps[PredictStep].predict_button)
    viewer.layers["cat scribbles"].visible = False
    viewer.dims.set_point(0, 1)
    panel.ensureWidgetVisible(panel.steps[PredictStep])
    shoot(viewer, folder / "3-predict.png")

    click(session, panel.steps[RefineStep].refine_button)
    viewer.layers["cat probabilities"].visible = False
    panel.ensureWidgetVisible(panel.steps[RefineStep])
    shoot(viewer, folder / "4-refine.png")

    viewer.window.remove_dock_widget("all")
    for name, title in SINGLE_DOCKS.items():
        dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, title)
        shoot(viewer, folder / f"widget-{name}.png")
        viewer.window.remove_dock_widget(dock)
    viewer.close()
    settle()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))

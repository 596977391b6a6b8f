"""Make the README's pictures: the real plugin in the real napari, driven by its own buttons.

Run it on a screen, or under one that is not shown::

    xvfb-run -a python scripts/screenshots.py docs/images
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps
from qtpy.QtWidgets import QApplication
from superqt import QCollapsible

from napari_fcn_crf.ui.session.session import Session, session_of
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer.camera import camera_of

PLUGIN = "napari-fcn-crf"
DOCK = "Segment"
SINGLE_DOCKS = {
    "load-weights": "Load VGG weights",
    "train": "Train",
    "predict": "Predict",
    "refine": "Refine (CRF)",
}
WINDOW_PX = (1280, 960)
CANVAS_PX = (420, 280)
COLOURS = 128


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
    while session.runner.activity is not None:
        settle(0.05)
        if until_step is not None and session.runner.activity is not None:
            latest = session.runner.activity.latest
            if latest.loss is not None and latest.current >= until_step:
                return
    settle()


def shoot(viewer: napari.Viewer, path: Path) -> None:
    """Write a picture of the whole window."""
    settle()
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


def shoot_canvas(viewer: napari.Viewer) -> PillowImage.Image:
    """Return a small picture of the middle of the canvas."""
    settle()
    canvas = PillowImage.fromarray(viewer.screenshot(canvas_only=True, flash=False))
    return ImageOps.fit(canvas.convert("RGB"), CANVAS_PX)


def save(pictures: list[PillowImage.Image], path: Path) -> None:
    """Write pictures beside each other as one file of few bytes."""
    gap = np.full((pictures[0].height, 4, 3), 255, np.uint8)
    columns = [part for picture in pictures for part in (gap, np.asarray(picture))][1:]
    PillowImage.fromarray(np.hstack(columns)).quantize(COLOURS).save(path, optimize=True)
    print(path)


def shoot_refinement(viewer: napari.Viewer, step: RefineStep, folder: Path) -> None:
    """Show before, after and changes; the most uncertain region; the section with its sliders."""
    session = step.session
    step.compare.toggle()
    pictures = [shoot_canvas(viewer)]
    step.compare.toggle()
    pictures.append(shoot_canvas(viewer))
    step.compare.changed_box.setChecked(True)
    pictures.append(shoot_canvas(viewer))
    step.compare.changed_box.setChecked(False)
    save(pictures, folder / "refine-before-after.png")

    session.results.refined.refined.visible = False
    step.uncertainty.show_button.click()
    while session.runner.activity is not None:
        settle(0.05)
    settle()
    pictures = [shoot_canvas(viewer)]
    step.uncertainty.go_button.click()
    camera_of(viewer).zoom *= 3
    pictures.append(shoot_canvas(viewer))
    save(pictures, folder / "refine-uncertainty.png")
    viewer.layers.remove(session.results.uncertainty)
    session.results.refined.refined.visible = True
    viewer.reset_view()

    section = next(found for found in step.findChildren(QCollapsible) if found.text() == "Tune")
    section.expand(animate=False)
    click(session, step.tune_button)
    settle()
    file = folder / "refine-tune.png"
    step.grab().save(str(file))
    save([PillowImage.open(file).convert("RGB")], file)


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
    while session.runner.activity is not None:
        settle(0.05)

    click(session, panel.steps[PredictStep].predict_button)
    viewer.layers["cat scribbles"].visible = False
    viewer.dims.set_point(0, 1)
    panel.steps_view.ensureWidgetVisible(panel.steps[PredictStep])
    shoot(viewer, folder / "3-predict.png")

    click(session, panel.steps[RefineStep].refine_button)
    viewer.layers["cat probabilities"].visible = False
    panel.steps_view.ensureWidgetVisible(panel.steps[RefineStep])
    shoot(viewer, folder / "4-refine.png")
    shoot_refinement(viewer, panel.steps[RefineStep], folder)

    viewer.window.remove_dock_widget("all")
    for name, title in SINGLE_DOCKS.items():
        dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, title)
        shoot(viewer, folder / f"widget-{name}.png")
        viewer.window.remove_dock_widget(dock)
    viewer.close()
    settle()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))

"""Person in front of napari: opens files, paints, clicks, and looks at the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QWidget
from superqt import QCollapsible

from napari_fcn_crf.ui.panels import SegmentPanel
from napari_fcn_crf.ui.session.session import Session, session_of
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer.camera import camera_of
from tests.ui.conftest import JOB_TIMEOUT_MS, wait_until_idle
from tests.ui.mouse import drag, places

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

Pixel = Sequence[float]
"""Of a layer, along the axes on the screen."""

PLUGIN = "napari-fcn-crf"
WINDOW_PX = (1400, 900)
AnyStep = TypeVar("AnyStep", bound=Step)


class Person:
    """Somebody with a fresh napari, a mouse, and no other way to do anything.

    Layers are never hidden and the camera is never moved for the picture: what is on the screen
    is what the plugin left there.

    Parameters
    ----------
    viewer : napari.Viewer
    qtbot : QtBot
    pictures : Path or None
        Folder that `looks` writes its pictures into; None writes none.
    name : str
        Of the walk, for its pictures.
    """

    def __init__(self, viewer: Viewer, qtbot: QtBot, pictures: Path | None, name: str) -> None:
        self.viewer = viewer
        self.qtbot = qtbot
        self._pictures = pictures
        self._name = name
        self._n_pictures = 0
        self._panel: SegmentPanel | None = None
        window = viewer.window._qt_window
        window.resize(*WINDOW_PX)
        window.show()
        qtbot.wait(100)

    @property
    def session(self) -> Session:
        """The plugin's state, to check that it is what the screen says."""
        return session_of(self.viewer)

    @property
    def panel(self) -> SegmentPanel:
        """The dock; opened when it is first asked for."""
        if self._panel is None:
            _, self._panel = self.viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
            self.qtbot.wait(100)
        return self._panel

    def step(self, kind: type[AnyStep]) -> AnyStep:
        """Return a step of the dock."""
        found = self.panel.steps[kind]
        assert isinstance(found, kind)
        return found

    def opens(self, path: Path) -> None:
        """Open a file with napari's own reader."""
        self.viewer.open(str(path), plugin="napari")
        self.qtbot.wait(100)

    def opens_sample(self, key: str) -> None:
        """Choose one of File > Open Sample."""
        self.viewer.open_sample(PLUGIN, key)
        self.qtbot.wait(100)

    def clicks(self, button: QAbstractButton) -> None:
        """Bring a button into view and click its middle; fails where it cannot be clicked."""
        for step in self.panel.steps.values():
            if step.isAncestorOf(button) and not button.isVisibleTo(step):
                self.qtbot.mouseClick(step.heading.button, Qt.MouseButton.LeftButton)
        self.panel.steps_view.ensureWidgetVisible(button)
        self.qtbot.wait(20)
        assert button.isVisible(), f"'{button.text()}' is not to be seen"
        assert button.isEnabled(), f"'{button.text()}' cannot be pressed: {button.toolTip()}"
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.qtbot.wait(20)

    def chooses(self, combo: QComboBox, text: str) -> None:
        """Choose from a list that is folded up."""
        at = combo.findText(text)
        assert at >= 0, f"'{text}' is not offered"
        combo.setCurrentIndex(at)
        combo.activated.emit(at)
        self.qtbot.wait(20)

    def runs(self, button: RunButton) -> None:
        """Click a step's button and wait for its end."""
        self.waits_for(button.button.isEnabled)
        self.clicks(button.button)
        wait_until_idle(self.qtbot, self.session)
        self.qtbot.wait(100)

    def trains(self) -> None:
        """Press Train; the network has learnt when this returns."""
        self.runs(self.step(TrainStep).train_button)
        assert self.session.models.model is not None

    def predicts(self) -> None:
        """Press Predict."""
        self.runs(self.step(PredictStep).predict_button)

    def refines(self) -> Labels:
        """Press Refine, and return what it made."""
        self.runs(self.step(RefineStep).refine_button)
        refined = self.session.results.refined
        assert refined is not None
        return refined.refined

    def waits_for(self, holds: Callable[[], bool], timeout: int = JOB_TIMEOUT_MS) -> None:
        """Wait until something holds."""
        self.qtbot.waitUntil(holds, timeout=timeout)

    def presses_new_labels(self) -> Labels:
        """Press New labels, and return the layer that is there to be painted on."""
        self.clicks(self.step(AnnotateStep).new_labels_button)
        made = self.session.selection.annotation
        assert isinstance(made, Labels)
        assert self.viewer.layers.selection.active is made
        return made

    def paints(self, label: int, *pixels: Pixel) -> None:
        """Paint a stroke of a label on the layer that is selected, which has the brush."""
        layer = self.viewer.layers.selection.active
        assert isinstance(layer, Labels), "the layer selected is not to be painted on"
        assert layer.mode == "paint", "the brush is not in the hand"
        while layer.selected_label != label:
            is_below = layer.selected_label < label
            self.presses(Qt.Key.Key_Equal if is_below else Qt.Key.Key_Minus)
        before = int((np.asarray(layer.data) == label).sum())
        self.drags(layer, *pixels)
        assert int((np.asarray(layer.data) == label).sum()) > before, "the stroke left nothing"

    def drags(self, layer: Layer, start: Pixel, end: Pixel) -> None:
        """Drag the mouse from a pixel of a layer to another, the left button held down."""
        ends = [self._whole(layer, start), self._whole(layer, end)]
        native = self.viewer.window._qt_viewer.canvas.native
        at = places(self.viewer, ends, layer)
        assert (at >= 0).all(), "that is not on the screen"
        assert (at < (native.height(), native.width())).all(), "that is not on the screen"
        drag(self.viewer, self.qtbot, *ends, layer)
        self.qtbot.wait(20)

    def presses(
        self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press a key while the canvas has the focus."""
        native = self.viewer.window._qt_viewer.canvas.native
        native.setFocus()
        self.qtbot.keyClick(native, key, modifier)
        self.qtbot.wait(20)

    def colours(self, layer: Layer, start: Pixel, stop: Pixel) -> npt.NDArray[np.float64]:
        """Return what is on the screen over a box of a layer's pixels.

        Returns
        -------
        float64, shape (rows, columns, 3)
            Red, green and blue from 0 to 1, one for each pixel of the box.
        """
        self.qtbot.wait(50)
        screen = np.asarray(self.viewer.screenshot(flash=False))[..., :3] / 255
        rows, columns = (np.arange(*ends) for ends in zip(start, stop, strict=True))
        pixels = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        at = places(self.viewer, [self._whole(layer, pixel) for pixel in pixels], layer)
        at = np.round(at - 0.5).astype(int)
        assert (at >= 0).all(), "the box is not on the screen"
        assert (at < screen.shape[:2]).all(), "the box is not on the screen"
        return screen[tuple(at.T)].reshape(len(rows), len(columns), 3)

    def verdict(self) -> str:
        """Return what the first step says of the labels."""
        return self.step(AnnotateStep).verdict.text()

    def reads(self, words: str) -> None:
        """Wait until the first step says something."""
        self.waits_for(lambda: words in self.verdict(), 20_000)

    def says(self, words: str) -> None:
        """Wait until the dock's message says something."""
        self.waits_for(lambda: words in self.panel.messages.text.text(), 10_000)

    def cannot(self, button: RunButton, words: str) -> None:
        """Check that a button cannot be pressed, and that its tooltip says why."""
        assert not button.button.isEnabled()
        assert words in button.button.toolTip(), button.button.toolTip()

    def is_highlighted(self, button: RunButton) -> bool:
        """Return whether a button is the one to press next."""
        return "background" in button.button.styleSheet()

    def opens_section(self, title: str) -> None:
        """Click on what is folded up, in any step that is open."""
        for section in self.panel.findChildren(QCollapsible):
            if section.text() == title and not section.isExpanded():
                self.clicks(section.toggleButton())
                self.qtbot.wait(400)  # it unfolds slowly

    def scrolls_to(self, widget: QWidget) -> None:
        """Scroll the dock until something is seen, once nothing moves there by itself."""
        self.qtbot.wait(400)
        self.panel.steps_view.ensureWidgetVisible(widget)

    def sections(self, step: Step) -> list[QCollapsible]:
        """Return what of a step is folded up."""
        return step.findChildren(QCollapsible)

    def clicks_twice(self, button: RunButton) -> None:
        """Click twice, as people do who are used to icons."""
        self.clicks(button.button)
        self.qtbot.mouseClick(button.button, Qt.MouseButton.LeftButton)

    def sees_image(self, image: Image, start: Pixel, stop: Pixel) -> None:
        """Look whether an image shows through whatever is above it, in a box of its pixels."""
        ours = self.colours(image, start, stop).mean(axis=-1)
        theirs = self._box(image, start, stop)
        theirs = theirs.mean(axis=-1) if image.rgb else theirs
        likeness = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
        assert likeness > 0.5, f"the image is not to be seen: its likeness is {likeness:.2f}"

    def sees_classes(self, result: Labels, annotation: Labels, *pixels: Pixel) -> None:
        """Look whether pixels have the colour that their class has in the annotation.

        What is on the screen, without what shines through of the image, must be of the hue of its
        own class rather than of any other that is there.
        """
        values = [int(value) for value in np.unique(result.data) if value]
        colours = {value: _hue(annotation.get_color(value)[:3]) for value in values}
        for pixel in pixels:
            start, stop = np.subtract(pixel, 2), np.add(pixel, 3)
            on_screen = self.colours(result, start, stop).mean(axis=(0, 1))
            image = self.session.selection.image
            if image is not None and image.rgb:
                below = self._box(image, start, stop).mean(axis=(0, 1)) / 255
                on_screen = on_screen - (1 - result.opacity) * below
            own = int(self._box(result, pixel, np.add(pixel, 1)).item())
            likeness = {value: float(_hue(on_screen) @ hue) for value, hue in colours.items()}
            assert max(likeness, key=lambda one: likeness[one]) == own, (
                f"{pixel} of class {own} has the colours {on_screen.round(2)}: {likeness}"
            )

    def looks(self, what: str, of: QWidget | None = None, *, canvas_only: bool = False) -> None:
        """Take a picture of the whole window, for people to look at, or of a part of it."""
        if self._pictures is None:
            return
        self._n_pictures += 1
        self.qtbot.wait(300)
        path = self._pictures / f"{self._name}-{self._n_pictures:02d}-{what}.png"
        if of is None:
            self.viewer.screenshot(str(path), canvas_only=canvas_only, flash=False)
        else:
            of.grab().save(str(path))

    def zoom(self) -> float:
        """Return how many pixels of the canvas a unit of the world takes."""
        return float(camera_of(self.viewer).zoom)

    def middle(self, layer: Layer) -> tuple[int, int]:
        """Return the pixel of a layer in the middle of the canvas."""
        displayed = list(self.viewer.dims.displayed)
        world = np.array(self.viewer.dims.point)
        world[displayed] = camera_of(self.viewer).center[-2:]
        row, column = np.round(layer.world_to_data(world[-layer.ndim :])).astype(int)[-2:]
        return int(row), int(column)

    def _whole(self, layer: Layer, pixel: Pixel) -> list[float]:
        """Return a pixel with the slices shown along the layer's other axes."""
        position = [float(step) for step in self.viewer.dims.current_step[-layer.ndim :]]
        for axis, coordinate in zip(self.viewer.dims.displayed, pixel, strict=True):
            position[axis - self.viewer.dims.ndim] = float(coordinate)
        return position

    def _box(self, layer: Layer, start: Pixel, stop: Pixel) -> npt.NDArray[np.float64]:
        data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
        index: list[int | slice] = list(map(int, self.viewer.dims.current_step[-layer.ndim :]))
        bounds = zip(start, stop, strict=True)
        for axis, (first, last) in zip(self.viewer.dims.displayed, bounds, strict=True):
            index[axis - self.viewer.dims.ndim] = slice(int(first), int(last))
        return np.asarray(data[tuple(index)], np.float64)


def _hue(colour: Sequence[float]) -> npt.NDArray[np.float64]:
    offset = np.asarray(colour, float) - np.mean(colour)
    return offset / max(float(np.linalg.norm(offset)), 1e-6)

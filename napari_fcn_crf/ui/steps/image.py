"""Image to work on, where there is nothing to annotate."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtCore import SignalInstance
from qtpy.QtWidgets import QFormLayout

from napari_fcn_crf.ui.sections.layer_choice import LayerChoice
from napari_fcn_crf.ui.sections.picture_choice import PictureChoice
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.viewer.layers import is_source_image


def image_choice(session: Session) -> LayerChoice:
    """Return a combo box of the images that can be segmented."""
    selection = session.selection
    return LayerChoice(
        session,
        is_source_image,
        lambda: selection.image,
        selection.pin_image,
        "no image open",
        selection.image_changed,
    )


class ImageStep(Step):
    """Choose an image."""

    title: ClassVar[str] = "Image"
    page: ClassVar[str] = "files"

    def build(self) -> None:
        self.choice = image_choice(self.session)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        self.picture = PictureChoice(self.session, self.attempt)
        form.addRow("Image", self.choice)
        form.addRow(self.picture)
        self.body.addLayout(form)

    def changes(self) -> tuple[SignalInstance, ...]:
        return (self.session.selection.image_changed,)

    def summary(self) -> str:
        return self.choice.currentText()

    def update_controls(self) -> None:
        """Nothing: the combo box does it."""

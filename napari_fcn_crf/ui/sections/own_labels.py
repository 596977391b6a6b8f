"""Outlines of labels that cover the image, over a result that is to be compared with them."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.ownership import is_ours

_CONTOUR_PX = 2


class OwnLabels(QCheckBox):
    """Shows a full annotation as outlines: as areas it would lie on a result, and so is hidden.

    It is there while there is a result, and an annotation that covers the image.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("Outline my labels (as areas, they are hidden)")
        self._session = session
        self.setToolTip(
            "Your labels cover the image and would lie on the result. Show their outlines on it; "
            "their eye in the layer list shows them as areas."
        )
        self.toggled.connect(self._on_toggled)
        update_after(
            self.update_controls,
            session.meaning.changed,
            session.selection.layers_changed,
            session.runner.changed,
        )
        self.update_controls()

    def update_controls(self) -> None:
        """Be there where there is something to compare, and say how it is shown now."""
        labels = self._session.selection.annotation
        has_results = any(map(is_ours, self._session.viewer.layers))
        covers = labels is not None and self._session.meaning.mode != "scribbles"
        self.setVisible(covers and has_results)
        self.blockSignals(True)
        self.setChecked(labels is not None and labels.visible and labels.contour > 0)
        self.blockSignals(False)

    def _on_toggled(self, is_on: bool) -> None:
        labels = self._session.selection.annotation
        if labels is not None:
            labels.contour = _CONTOUR_PX if is_on else 0
            labels.visible = is_on

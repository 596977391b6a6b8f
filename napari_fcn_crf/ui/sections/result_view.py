"""View of the results: how opaque they are, and whether as areas or as contours."""

from __future__ import annotations

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QWidget

from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.result_layers import appearance_of, results_of_classes

_CONTOUR_PX = 2


class ResultView(QWidget):
    """Opacity and contours of predicted, refined and cleaned labels, all at once."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setToolTip("How much of the image the results cover.")
        self.opacity.valueChanged.connect(self._on_opacity_changed)
        self.contours = QCheckBox("Contours")
        self.contours.setToolTip("Show the results' outlines instead of areas.")
        self.contours.toggled.connect(self._on_contours_toggled)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Opacity"))
        row.addWidget(self.opacity, 1)
        row.addWidget(self.contours)
        update_after(
            self.update_controls,
            session.results.changed,
            session.selection.image_changed,
            session.selection.layers_changed,
            session.runner.changed,
        )
        self.update_controls()

    def update_controls(self) -> None:
        """Show how the results look, which may have been changed in napari's own controls."""
        image, found = self._session.selection.image, self._results()
        self.setVisible(bool(found))
        if image is None or not found:
            return
        look = appearance_of(self._session.viewer, image)
        for control in (self.opacity, self.contours):
            control.blockSignals(True)
        self.opacity.setValue(round(100 * look.opacity))
        self.contours.setChecked(look.contour > 0)
        for control in (self.opacity, self.contours):
            control.blockSignals(False)

    def _results(self) -> list[Labels]:
        image = self._session.selection.image
        return [] if image is None else results_of_classes(self._session.viewer, image)

    def _on_opacity_changed(self, value: int) -> None:
        for layer in self._results():
            layer.opacity = value / 100

    def _on_contours_toggled(self, is_on: bool) -> None:
        for layer in self._results():
            layer.contour = _CONTOUR_PX if is_on else 0

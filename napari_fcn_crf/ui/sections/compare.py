"""Comparison of before and after: one key, the changed pixels, the areas."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.layers import layers_where
from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata
from napari_fcn_crf.ui.viewer.result_layers import add_changed

_MARK_TIP = "Mark the pixels that the CRF has changed."


class Compare(QWidget):
    """Toggles between the prediction and its refinement, and says how they differ."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.toggle_button = QPushButton("Before / after")
        self.toggle_button.setToolTip("Show the labels before the CRF, or after it (Shift-B).")
        self.toggle_button.clicked.connect(self.toggle)
        self.changed_box = QCheckBox("Mark changes")
        self.changed_box.setToolTip(_MARK_TIP)
        self.changed_box.toggled.connect(self._on_changed_toggled)
        self.text = QLabel()
        self.text.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.toggle_button, 1)
        row.addWidget(self.changed_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.text)
        update_after(
            self.update_text,
            session.results.changed,
            session.class_names.changed,
            session.selection.layers_changed,
        )
        self.update_text()

    def toggle(self) -> None:
        """Show the other one of the two."""
        refined = self._pair()
        if refined is not None:
            screen, image = self._session.screen, refined.image
            if refined.refined.visible:
                screen.arrange(image, "before", refined.predicted)
            else:
                screen.arrange(image, "after", refined.refined)

    def update_text(self) -> None:
        """Show the last refinement's figures."""
        refined = self._session.results.refined
        self.setVisible(refined is not None)
        if refined is None:
            return
        name_of = self._session.class_names.of
        lines = [f"{refined.changed:.1%} of the pixels changed."]
        lines += [
            f"{name_of(value)}: {before:.1%} → {refined.areas_after[value]:.1%} of the image"
            for value, before in refined.areas_before.items()
        ]
        self.text.setText("\n".join(lines))
        self.changed_box.setEnabled(refined.differs is not None)
        self.changed_box.setToolTip(
            _MARK_TIP if refined.differs is not None else "The image is too large for that."
        )
        if not self._is_marked() and self.changed_box.isChecked():
            self._mark(refined)

    def _on_changed_toggled(self, checked: bool) -> None:
        refined = self._pair()
        if checked and refined is not None:
            self._mark(refined)
        else:
            for layer in self._marks():
                self._session.viewer.layers.remove(layer)

    def _mark(self, refined: Refined) -> None:
        if self._pair() is not None and refined.differs is not None:
            record = our_metadata(refined.refined).get("record", {})
            layer = add_changed(self._session.viewer, refined.image, refined.differs, record)
            self._session.screen.arrange(refined.image, "changes", layer)

    def _is_marked(self) -> bool:
        return bool(self._marks())

    def _marks(self) -> list[Layer]:
        return layers_where(
            self._session.viewer,
            lambda layer: (
                is_ours(layer)
                and our_metadata(layer)["kind"] == "changed"
                and not our_metadata(layer).get("painted")
            ),
        )

    def _pair(self) -> Refined | None:
        refined = self._session.results.refined
        viewer = self._session.viewer
        if refined is None or refined.predicted not in viewer.layers:
            return None
        return refined

"""Uncertainty and clean-up of a refinement: where it is unsure, and tidying it up."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.ui.actions import refine_actions, uncertainty_actions
from napari_fcn_crf.ui.sections.enabling import enable
from napari_fcn_crf.ui.sections.split_preview import SplitPreview
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after

_SLIDER_STEPS = 100
"""From automatic to 10 000 pixels."""


class UncertaintySection(QWidget):
    """Show the entropy, and go where one more stroke helps most."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._session = session
        self.show_button = QPushButton("Show uncertainty")
        self.show_button.clicked.connect(
            lambda: attempt(lambda: uncertainty_actions.show_uncertainty(session))
        )
        self.go_button = QPushButton("Go to the most uncertain region")
        self.go_button.clicked.connect(
            lambda: attempt(lambda: uncertainty_actions.go_to_most_uncertain(session))
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.show_button)
        layout.addWidget(self.go_button)
        update_after(
            self.update_controls,
            session.selection.sources_changed,
            session.results.changed,
            session.runner.changed,
            session.live.shown,
            session.live.changed,
        )
        self.update_controls()

    def update_controls(self) -> None:
        """Enable what can work."""
        session = self._session
        has_sources = bool(session.selection.sources)
        enable(
            session,
            self.show_button,
            "Add a layer that is bright where the classes are alike.",
            "" if has_sources else _PREDICT_FIRST,
        )
        enable(
            session,
            self.go_button,
            "Move there and take the brush: the next stroke is where it helps most.",
            "" if has_sources or session.live.place is not None else _PREDICT_FIRST,
        )


class CleanupSection(QWidget):
    """Remove small regions from the refined labels, or tell their objects apart."""

    def __init__(self, session: Session, attempt: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self._session = session
        self.minimum_px = _spin_box(50, "Smaller regions and holes take their surroundings' label.")
        self.remove_button = QPushButton("Remove small regions, below")
        self.remove_button.clicked.connect(
            lambda: attempt(lambda: refine_actions.remove_small(session, self.minimum_px.value()))
        )
        self.object_px = _spin_box(
            0,
            "Smaller objects join those that they touch, and go where they touch none. "
            "Automatic: a fifth of the typical object.",
        )
        self.object_px.setMinimum(0)
        self.object_px.setValue(0)
        self.object_px.setSpecialValueText("automatic")
        self.object_slider = QSlider(Qt.Orientation.Horizontal)
        self.object_slider.setRange(0, _SLIDER_STEPS)
        self.object_slider.setToolTip(self.object_px.toolTip())
        self.object_slider.setAccessibleName("Size of the smallest object")
        self.object_slider.valueChanged.connect(self._on_slider_moved)
        self.object_px.valueChanged.connect(self._on_size_chosen)
        self.preview_box = QCheckBox("Live preview")
        self.split_button = QPushButton("Split objects, of at least")
        self.split_button.clicked.connect(lambda: attempt(self._split))
        self.split_class = QComboBox()
        self.split_class.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.split_class.setMinimumContentsLength(8)
        self.split_class.activated.connect(self._on_class_chosen)
        self._chosen_class: int | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button, box in (
            (self.remove_button, self.minimum_px),
            (self.split_button, self.object_px),
        ):
            row = QHBoxLayout()
            row.addWidget(button, 1)
            row.addWidget(box)
            layout.addLayout(row)
        of_class = QFormLayout()
        of_class.addRow("Objects are", self.split_class)
        layout.addLayout(of_class)
        row = QHBoxLayout()
        row.addWidget(self.preview_box)
        row.addWidget(self.object_slider, 1)
        layout.addLayout(row)
        self.found = QLabel()
        self.found.hide()
        layout.addWidget(self.found)
        self.preview = SplitPreview(session, self._chosen, self)
        self.preview_box.toggled.connect(self._on_preview_toggled)
        self.preview.shown.connect(self._on_preview_shown)
        update_after(
            self.update_controls,
            session.results.changed,
            session.runner.changed,
            session.class_names.changed,
        )
        self.update_controls()

    def update_controls(self) -> None:
        """Enable what can work."""
        session = self._session
        missing = "" if session.results.refined is not None else "Press Refine first."
        for widget, tip in (
            (self.remove_button, "Give regions and holes that are smaller to what surrounds them."),
            (self.split_button, "Number the objects of this class, touching ones apart."),
            (self.split_class, "The class whose objects are numbered."),
            (self.preview_box, _PREVIEWED),
        ):
            enable(session, widget, tip, missing)
        # It can always be switched off.
        self.preview_box.setEnabled(self.preview_box.isEnabled() or self.preview_box.isChecked())
        self._offer_classes()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Preview nothing that no control is seen of; a window that is minimised keeps it."""
        super().hideEvent(event)
        if event is not None and not event.spontaneous():
            self.preview_box.setChecked(False)

    def _offer_classes(self) -> None:
        """Offer the refined classes; at first the first that is no background."""
        refined = self._session.results.refined
        values = [] if refined is None else list(refined.areas_after)
        names = [self._session.class_names.of(value) for value in values]
        chosen = self._chosen_class
        if chosen not in values:
            things = [
                value
                for value, name in zip(values, names, strict=True)
                if value != 0 and name.lower() != "background"
            ]
            chosen = next(iter(things), None)
        self.split_class.clear()
        for value, name in zip(values, names, strict=True):
            self.split_class.addItem(name, value)
        self.split_class.setCurrentIndex(values.index(chosen) if chosen in values else -1)

    def _on_class_chosen(self, row: int) -> None:
        self._chosen_class = self.split_class.itemData(row)
        self.preview.request()

    def _on_slider_moved(self, step: int) -> None:
        self.object_px.setValue(_size_at(step))

    def _on_size_chosen(self, size_px: int) -> None:
        if _size_at(self.object_slider.value()) != size_px:
            steps = range(_SLIDER_STEPS + 1)
            with QSignalBlocker(self.object_slider):
                self.object_slider.setValue(min(steps, key=lambda at: abs(_size_at(at) - size_px)))
        self.preview.request()

    def _on_preview_toggled(self, enabled: bool) -> None:
        self.found.setVisible(False)
        self.preview.set_enabled(enabled)

    def _on_preview_shown(self, count: int) -> None:
        self.found.setText(f"{count} objects on the screen")
        self.found.setVisible(self.preview_box.isChecked())

    def _chosen(self) -> tuple[int, int | None] | None:
        value = self.split_class.currentData()
        # 0 is shown as "automatic".
        return None if value is None else (value, self.object_px.value() or None)

    def _split(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.preview_box.setChecked(False)
            refine_actions.split_instances(self._session, *chosen)


def _size_at(step: int) -> int:
    """Return the size in pixels at a step of the slider; each is some percent more."""
    return 0 if step == 0 else round(10 * 10 ** (3 * (step - 1) / (_SLIDER_STEPS - 1)))


_PREDICT_FIRST = "Press Predict first."
_PREVIEWED = "Number the objects of what is on the screen while the slider moves."


def _spin_box(value: int, tooltip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(1, 1_000_000)
    box.setValue(value)
    box.setSuffix(" px")
    box.setToolTip(tooltip)
    return box

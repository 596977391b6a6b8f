"""CRF parameters as sliders, in words, with the paper's symbols in the tooltips; presets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_fcn_crf.crf import presets
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.sections.number_field import NumberField
from napari_fcn_crf.ui.sections.qt_parts import label_of, present
from napari_fcn_crf.ui.sections.setting_control import setting_control
from napari_fcn_crf.ui.session.notices import tell_error

_SLIDERS = (
    "gaussian_sigma_px",
    "gaussian_weight",
    "bilateral_sigma_px",
    "bilateral_sigma_intensity",
    "bilateral_weight",
    "depth_ratio",
)
"""The settings of real numbers, from top to bottom."""

_CUSTOM = "own settings"
_OF_MODEL = "from the model"


class CRFControls(QWidget):
    """Sliders for `CRFSettings`, and named sets of them."""

    changed = Signal()
    keep_with_model = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._settings = CRFSettings()
        self._controls: dict[str, Any] = {
            name: setting_control(CRFSettings, name, widget_type="FloatSlider", readout=False)
            for name in _SLIDERS
        }
        self._controls["iterations"] = setting_control(
            CRFSettings, "iterations", widget_type="Slider", readout=False
        )
        self._controls["engine"] = setting_control(CRFSettings, "engine")
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(2)
        # Beside its title a slider would be too short to be set to anything.
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        self.fields: dict[str, NumberField] = {}
        for name, control in self._controls.items():
            row = control.native
            if name != "engine":
                self.fields[name] = NumberField(control.label, partial(self._on_typed, name))
                row = QWidget()
                line = QHBoxLayout(row)
                line.setContentsMargins(0, 0, 0, 0)
                line.setSpacing(4)
                line.addWidget(control.native, 1)
                line.addWidget(self.fields[name])
            self._form.addRow(control.label, row)
            label_of(self._form, row).setToolTip(control.tooltip)
        self.preset_choice = QComboBox()
        self.preset_choice.setToolTip("Settings by name: published ones, the model's, your own.")
        self.save_button = QPushButton("Keep  ")
        self.save_button.setToolTip("Keep these settings under a name, or with the model.")
        menu = QMenu(self.save_button)
        menu.setToolTipsVisible(True)
        menu.addAction("Under a name…", self._on_save_clicked)
        self.keep_action = present(
            menu.addAction("With the model", lambda: self.keep_with_model.emit(self.settings()))
        )
        self.save_button.setMenu(menu)
        self._of_model: CRFSettings | None = None
        row = QHBoxLayout()
        row.addWidget(self.preset_choice, 1)
        row.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addLayout(self._form)
        self._fill_presets()
        self._show_numbers()
        self.preset_choice.activated.connect(self._on_preset_chosen)
        for name, control in self._controls.items():
            control.changed.connect(partial(self._on_control_changed, name))
        self._show_preset()

    def settings(self) -> CRFSettings:
        """Return what was set, exactly: also what a slider cannot show."""
        return self._settings

    def set_settings(self, settings: CRFSettings) -> None:
        """Show other settings; told as one change."""
        for name, control in self._controls.items():
            value = getattr(settings, name)
            with control.changed.blocked():
                if name != "engine":
                    control.value = min(max(value, control.min), control.max)
                else:
                    control.value = value
        self._settings = settings
        self._show_numbers()
        self._show_preset()
        self.changed.emit()

    def offer_of_model(self, settings: CRFSettings | None) -> None:
        """Offer what the model is best refined with, and show it where nothing was changed yet.

        Parameters
        ----------
        settings : CRFSettings, optional
            None if there is no model. The defaults mean that nothing was kept with it.
        """
        self.keep_action.setEnabled(settings is not None)
        self.keep_action.setToolTip(
            "Save model… writes these settings into its file."
            if settings is not None
            else "There is no model yet. Train one, or open one."
        )
        if settings == self._of_model:
            return
        self._of_model = settings
        self._fill_presets()
        if settings is not None and self.settings() == CRFSettings():
            self.set_settings(settings)
        self._show_preset()

    def _fill_presets(self) -> None:
        try:
            own = presets.load()
        except ValueError as error:
            tell_error(error)
            own = dict(presets.PUBLISHED)
        kept = self._of_model if self._of_model != CRFSettings() else None
        self._presets = ({} if kept is None else {_OF_MODEL: kept}) | own
        self.preset_choice.clear()
        self.preset_choice.addItems([*self._presets, _CUSTOM])

    def _show_preset(self) -> None:
        current = self.settings()
        names = [name for name, settings in self._presets.items() if settings == current]
        self.preset_choice.setCurrentText(names[0] if names else _CUSTOM)

    def _on_control_changed(self, name: str, value: Any) -> None:
        self._settings = replace(self._settings, **{name: value})
        self._show_numbers()
        self._show_preset()
        self.changed.emit()

    def _on_typed(self, name: str, value: Any) -> None:
        self.set_settings(replace(self._settings, **{name: value}))

    def _show_numbers(self) -> None:
        for name, field in self.fields.items():
            field.show_number(getattr(self._settings, name))

    def _on_preset_chosen(self) -> None:
        chosen = self._presets.get(self.preset_choice.currentText())
        if chosen is not None:
            self.set_settings(chosen)

    def _on_save_clicked(self) -> None:
        name, accepted = QInputDialog.getText(self, "Save settings", "Name")
        if accepted:
            try:
                presets.save(name, self.settings())
            except (ValueError, OSError) as error:
                tell_error(error)
            self._fill_presets()
            self._show_preset()

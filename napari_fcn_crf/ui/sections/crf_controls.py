"""CRF parameters as sliders, in words, with the paper's symbols in the tooltips; presets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from magicgui.widgets import ComboBox, FloatSlider, Slider
from napari.utils.notifications import show_error
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

_SLIDERS = (
    (
        "gaussian_sigma_px",
        "Smoothness radius (px)",
        0.5,
        50,
        "Pixels within which neighbours agree (θγ).",
    ),
    (
        "gaussian_weight",
        "Smoothness strength",
        0,
        30,
        "How strongly neighbours agree (w2). Less keeps thin and small things.",
    ),
    (
        "bilateral_sigma_px",
        "Edge radius (px)",
        1,
        200,
        "Pixels across which alike colours agree (θα).",
    ),
    (
        "bilateral_sigma_intensity",
        "Edge sensitivity (grey)",
        1,
        100,
        "Grey levels, of 255, over which two pixels still count as alike (θβ). Less follows "
        "fainter edges.",
    ),
    (
        "bilateral_weight",
        "Edge strength",
        0,
        50,
        "How strongly pixels of alike colour agree (w1). More follows the image further.",
    ),
    (
        "depth_ratio",
        "Depth of volumes",
        0.1,
        10,
        "Both radii across slices over those within one, if the volume is refined as one. The "
        "image's scale counts already.",
    ),
)
_CUSTOM = "own settings"
_OF_MODEL = "from the model"


class CRFControls(QWidget):
    """Sliders for `CRFSettings`, and named sets of them."""

    changed = Signal()
    keep_with_model = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._settings = defaults = CRFSettings()
        self._controls: dict[str, Any] = {
            name: FloatSlider(
                value=getattr(defaults, name),
                min=low,
                max=high,
                step=0.1,
                label=label,
                tooltip=tip,
                readout=False,
            )
            for name, label, low, high, tip in _SLIDERS
        }
        self._controls["iterations"] = Slider(
            value=defaults.iterations,
            min=0,
            max=30,
            label="Iterations",
            tooltip="Of the mean field; more than ten seldom changes anything.",
            readout=False,
        )
        self._controls["engine"] = ComboBox(
            value=defaults.engine,
            choices=["builtin", "pydensecrf"],
            label="Engine",
            tooltip="builtin needs nothing; pydensecrf is the reference, if it is installed.",
        )
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
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
            show_error(str(error))
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

    def _on_typed(self, name: str, value: float) -> None:
        typed: dict[str, Any] = {name: value}
        self.set_settings(replace(self._settings, **typed))

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
                show_error(str(error))
            self._fill_presets()
            self._show_preset()

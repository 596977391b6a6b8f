"""Device and backend that the network computes on, by name, and how fast they are."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_fcn_crf.compute.devices import Device, DeviceTest, missing_backends
from napari_fcn_crf.compute.environment import BACKEND_TITLES
from napari_fcn_crf.settings import Backend, ComputeSettings
from napari_fcn_crf.ui.sections.qt_parts import item_of
from napari_fcn_crf.ui.sections.setting_control import tip_of
from napari_fcn_crf.ui.session.lifetime import while_alive
from napari_fcn_crf.ui.session.preferences import (
    change_compute_settings,
    compute_settings,
    follow_compute_settings,
)
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.steps.run_button import RunButton
from napari_fcn_crf.ui.steps.step import Step

_AUTO = "automatic"


class DeviceStep(Step):
    """Choose backend and device; the same as in Preferences, and acting on the next run."""

    title: ClassVar[str] = "Device"
    page: ClassVar[str] = "gpu"
    kinds: ClassVar[frozenset[str]] = frozenset({"devices", "test"})

    def build(self) -> None:
        self._update_soon = one_shot(self, 0, self.update_controls)
        self._asked: str | None = None
        self._missing: dict[Backend, str] = {}
        self.backend = QComboBox()
        for name, title in BACKEND_TITLES.items():
            self.backend.addItem(title, name)
        self.backend.activated.connect(self._on_backend_chosen)
        self.device = QComboBox()
        self.device.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.device.setMinimumContentsLength(12)
        self.device.activated.connect(self._on_device_chosen)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Backend", self.backend)
        form.addRow("Device", self.device)
        self.body.addLayout(form)
        self._fill_devices([])
        self.find_button = RunButton(self.session, "devices", "Find devices", self._on_find_clicked)
        self.test_button = RunButton(self.session, "test", "Test device", self._on_test_clicked)
        self.add_row(self.find_button, self.test_button)
        self.outcome = self.add_text()
        self.outcome.hide()
        follow_compute_settings(self._on_settings_changed)

    def changes(self) -> tuple[SignalInstance, ...]:
        return (self.session.runner.changed,)

    def summary(self) -> str:
        return f"{self.backend.currentText()}, {self.device.currentText()}"

    def update_controls(self) -> None:
        settings = compute_settings()
        if self._asked != settings.interpreter:
            # Not at every change of the session: another interpreter takes a while to answer.
            self._missing, self._asked = _missing_backends(settings), settings.interpreter
        missing = self._missing
        for row, name in enumerate(BACKEND_TITLES):
            item = item_of(self.backend, row)
            item.setEnabled(name not in missing)
            item.setToolTip(missing.get(name, ""))
        self.backend.setCurrentIndex(self.backend.findData(settings.backend))
        self.backend.setToolTip(missing.get(settings.backend, tip_of(ComputeSettings, "backend")))
        index = self.device.findData(settings.device)
        if index < 0:
            self.device.addItem(settings.device, settings.device)
            index = self.device.count() - 1
        self.device.setCurrentIndex(index)
        self.find_button.show_state("", "List the devices with their free memory.", False)
        self.test_button.show_state(
            "", "Train two steps there and say how long a step takes.", False
        )

    def _fill_devices(self, found: list[Device]) -> None:
        self.device.clear()
        self.device.addItem(_AUTO, "auto")
        self.device.setItemData(0, "The first GPU if there is one.", Qt.ItemDataRole.ToolTipRole)
        if not found:
            self.device.addItem("CPU", "cpu")
        for device in found:
            self.device.addItem(device.label, device.name)

    def _on_settings_changed(self, event: object = None) -> None:
        self._update_soon.start()

    def _on_backend_chosen(self, index: int) -> None:
        self.attempt(lambda: change_compute_settings(backend=self.backend.itemData(index)))
        self.update_controls()

    def _on_device_chosen(self, index: int) -> None:
        self.attempt(lambda: change_compute_settings(device=self.device.itemData(index)))
        self.update_controls()

    def _on_find_clicked(self) -> None:
        runner = self.session.runner
        self._asked = None  # a backend may have been installed meanwhile
        runner.run_job(
            "devices",
            "Finding devices",
            lambda _: runner.service.devices(),
            while_alive(self._fill_devices),
        )

    def _on_test_clicked(self) -> None:
        runner = self.session.runner
        runner.run_job(
            "test",
            "Testing the device",
            lambda _: runner.service.test_device(),
            while_alive(self._on_tested),
        )

    def _on_tested(self, test: DeviceTest) -> None:
        self.outcome.setText(
            f"{test.label}: {test.step_seconds:.2g} s a step, {test.first_step_seconds:.2g} s for "
            "the first."
        )
        self.outcome.show()


def _missing_backends(settings: ComputeSettings) -> dict[Backend, str]:
    try:
        return missing_backends(settings)
    except ValueError as error:
        return dict.fromkeys(BACKEND_TITLES, str(error))

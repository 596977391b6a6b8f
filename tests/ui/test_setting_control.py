"""What stands beside a setting's default is what its control shows."""

from __future__ import annotations

import pytest
from magicgui.widgets import CheckBox, ComboBox, FloatSlider, FloatSpinBox, SpinBox

from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.settings_base import describe
from napari_fcn_crf.ui.sections.setting_control import setting_control
from napari_fcn_crf.ui.sections.training_controls import TrainingControls


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("iterations", SpinBox),
        ("learning_rate", FloatSpinBox),
        ("dropout", FloatSpinBox),
        ("mode", ComboBox),
        ("loss_reduction", ComboBox),
        ("augment", CheckBox),
    ],
)
def test_a_control_shows_what_is_said_of_its_setting(qtbot, name, kind):
    known = describe(TrainingSettings)[name]
    control = setting_control(TrainingSettings, name)
    assert type(control) is kind
    # Where nothing is said, what stands for that is shown by whoever knows it.
    assert control.value == (0 if known.default is None else known.default)
    assert " ".join(control.tooltip.split()) == known.text
    assert known.options["label"] == (control.text if kind is CheckBox else control.label)
    for end in {"min", "max", "step"} & set(known.options):
        assert getattr(control, end) == pytest.approx(known.options[end]), end
    if kind is ComboBox:
        with_title = dict(known.options.get("choices", ())).values()
        assert list(control.choices) == (list(with_title) or ["mean", "sum"])


def test_a_slider_ends_where_the_setting_says(qtbot):
    slider = setting_control(CRFSettings, "bilateral_sigma_px", widget_type="FloatSlider")
    assert isinstance(slider, FloatSlider)
    assert (slider.min, slider.max, slider.label) == (1, 200, "Edge radius (px)")
    assert all(len(line) <= 70 for line in slider.tooltip.split("\n"))


def test_small_learning_rates_are_kept(qtbot):
    controls = TrainingControls()
    qtbot.addWidget(controls)
    assert controls.values() == {
        name: getattr(TrainingSettings(iterations=0), name) for name in controls.values()
    }
    controls.fields["learning_rate"].setText("1e-6")
    assert TrainingSettings(**controls.values()).learning_rate == 1e-6

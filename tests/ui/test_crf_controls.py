"""The sliders hand on what was set, exactly, whatever they can show of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_fcn_crf.crf import presets
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.sections.crf_controls import _SLIDERS, CRFControls

sigmas = st.builds(lambda digits, power: digits * 10.0**power, st.floats(1, 9), st.integers(-9, 8))
weights = st.floats(0, 10_000)
any_settings = st.builds(
    CRFSettings,
    iterations=st.integers(0, 1000),
    gaussian_sigma_px=sigmas,
    gaussian_weight=weights,
    bilateral_sigma_px=sigmas,
    bilateral_sigma_intensity=sigmas,
    bilateral_weight=weights,
    depth_ratio=sigmas,
    engine=st.sampled_from(["builtin", "pydensecrf"]),
)


@pytest.fixture
def controls(qtbot, tmp_path, monkeypatch) -> CRFControls:
    monkeypatch.setattr(presets, "default_path", lambda: tmp_path / "presets.json")
    controls = CRFControls()
    qtbot.addWidget(controls)
    return controls


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=any_settings, moved=st.sampled_from(_SLIDERS))
@example(found=CRFSettings(bilateral_sigma_intensity=1e-6), moved="gaussian_weight")
@example(found=CRFSettings(gaussian_sigma_px=1e9), moved="gaussian_sigma_px")
def test_settings_come_back_as_they_were_but_for_what_is_moved(controls, found, moved) -> None:
    controls.set_settings(found)
    assert controls.settings() == found
    slider = controls._controls[moved]
    for end in (slider.min, slider.max):
        slider.value = end
        now = controls.settings()
        assert replace(now, **{moved: getattr(found, moved)}) == found
        # Where the slider was there already, nothing was moved.
        assert getattr(now, moved) in (end, getattr(found, moved))
    assert getattr(now, moved) == slider.max


def test_a_value_that_a_slider_cannot_show_stands_beside_it(controls) -> None:
    field = controls.fields["gaussian_sigma_px"]
    controls.set_settings(CRFSettings(gaussian_sigma_px=0.02))
    assert field.text() == "0.02"
    controls._controls["gaussian_sigma_px"].value = 7
    assert field.text() == "7"
    controls.set_settings(CRFSettings(iterations=1000))
    assert controls.fields["iterations"].text() == "1000"


def _type(field, text: str) -> None:
    QTest.mouseDClick(field, Qt.MouseButton.LeftButton)
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("name", "typed", "value", "shown"),
    [
        ("bilateral_sigma_intensity", "1e-6", 1e-6, "1e-06"),
        ("gaussian_sigma_px", "1e9", 1e9, "1e+09"),
        ("gaussian_sigma_px", "0,25", 0.25, "0.25"),
        ("gaussian_sigma_px", "12345678.9", 12345678.9, "1.23e+07"),
        ("gaussian_weight", "1234.5678", 1234.5678, "1234.57"),
        ("iterations", "600", 600, "600"),
        ("iterations", "0", 0, "0"),
        ("depth_ratio", " 2.50 ", 2.5, "2.5"),
    ],
)
def test_what_is_typed_is_set(controls, qtbot, name, typed, value, shown) -> None:
    controls.show()
    before = replace(CRFSettings(), **{name: value})
    with qtbot.waitSignal(controls.changed, timeout=1000):
        _type(controls.fields[name], typed)
    assert controls.settings() == before
    field = controls.fields[name]
    assert field.text() == shown
    assert field.fontMetrics().horizontalAdvance(shown) < field.contentsRect().width() - 4
    # To leave a field with fewer digits than the value has changes nothing.
    QTest.keyClick(controls.fields[name], Qt.Key.Key_Return)
    assert controls.settings() == before


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("bilateral_sigma_intensity", "1e-60", "a number from 1e-09 to 1e+09, but is 1e-60."),
        ("gaussian_weight", "-3", "a number from 0 to 10000, but is -3."),
        ("gaussian_weight", "nan", "a number from 0 to 10000, but is nan."),
        ("iterations", "2.5", "a whole number from 0 to 100000, but is 2.5."),
        ("iterations", "1e400", "a whole number from 0 to 100000, but is inf."),
        ("bilateral_sigma_px", "1e", "but '1e' is none. Type one such as 0.5 or 1e-3."),
        ("bilateral_sigma_px", "", "but '' is none. Type one such as 0.5 or 1e-3."),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_sentence(
    controls, notes, name, typed, sentence
) -> None:
    controls.show()
    field = controls.fields[name]
    before = field.text()
    _type(field, typed or "\b")
    assert controls.settings() == CRFSettings()
    assert field.text() == before
    (told,) = notes()
    assert sentence in told

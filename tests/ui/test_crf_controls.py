"""The sliders hand on what was set, exactly, whatever they can show of it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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
@given(found=any_settings, moved=st.sampled_from([name for name, *_ in _SLIDERS]))
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
    def labels() -> list[str]:
        rows = [controls._controls[field.name].native for field in fields(CRFSettings)]
        return [controls._form.labelForField(row).text() for row in rows]

    before = labels()
    controls.set_settings(CRFSettings(gaussian_sigma_px=0.02))
    assert "Smoothness radius (px) = 0.02" in labels()
    controls._controls["gaussian_sigma_px"].value = 7
    assert labels() == before
    controls.set_settings(CRFSettings(iterations=1000))
    assert "Iterations = 1000" in labels()
    controls.set_settings(CRFSettings())
    assert labels() == before

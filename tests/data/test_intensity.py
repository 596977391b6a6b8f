"""Intensities on the scale from 0 to 255."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_fcn_crf.data.intensity import IntensityMapping

LARGEST = float(np.finfo(np.float64).max)


def test_eight_bit_passes_through() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(IntensityMapping.fit(image).apply(image), image)


def test_bool_becomes_black_and_white() -> None:
    image = np.array([[[False], [True]]])
    np.testing.assert_array_equal(IntensityMapping.fit(image).apply(image), [[[0], [255]]])


@given(
    hnp.arrays(
        np.float64,
        (6, 7, 2),
        elements=st.floats(-1e9, 1e9, allow_nan=False, width=32),
    ),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_other_types_do_not_depend_on_their_unit(
    image: np.ndarray, factor: float, offset: float
) -> None:
    mapped = IntensityMapping.fit(image).apply(image)
    assert mapped.dtype == np.float32
    assert mapped.min() >= -255
    assert mapped.max() <= 510
    # Beyond rounding: a spread far below the values' size is lost in float64 itself.
    spread = np.ptp(image, axis=(0, 1))
    if (spread > 1e-4 * (np.abs(image).max() + abs(offset / factor))).all():
        other = factor * image + offset
        np.testing.assert_allclose(
            IntensityMapping.fit(other).apply(other), mapped, atol=1e-2, rtol=1e-4
        )


def test_one_bright_spot_does_not_darken_the_rest() -> None:
    image = np.random.default_rng(0).uniform(100, 200, (100, 100, 1))
    image[0, 0] = 1e6
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.median(mapped) == pytest.approx(127.5, abs=5)
    assert mapped.max() == 510


def test_half_a_percent_of_the_values_lies_beyond_each_end() -> None:
    image = np.arange(2001.0).reshape(3, 667, 1)
    mapping = IntensityMapping.fit(image)
    assert (mapping.low, mapping.high) == ((10.0,), (1990.0,))
    np.testing.assert_allclose(mapping.apply(image), (image - 10) / 1980 * 255, atol=1e-3)


def test_a_constant_channel_is_mapped_without_a_warning() -> None:
    image = np.dstack([np.eye(8), np.full((8, 8), 3.0)])
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.isfinite(mapped).all()
    assert np.ptp(mapped[..., 1]) == 0


def scene(seed: int = 0) -> np.ndarray:
    """A dim 8-bit image `(rows, columns, 1)`."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(20, 180, 64)[:, None, None]
    return (ramp + rng.normal(0, 5, (64, 80, 1))).clip(0, 255).astype(np.uint8)


CONVERSIONS = {
    "uint8": lambda eight: eight,
    "uint16": lambda eight: eight.astype(np.uint16) * 257,
    "twelve bits": lambda eight: eight.astype(np.uint16) * 16,
    "float of 1": lambda eight: (eight / 255).astype(np.float32),
    "float of 255": lambda eight: eight.astype(np.float64),
    "int16": lambda eight: eight.astype(np.int16) * 4 - 300,
}


@pytest.mark.parametrize("predicted", CONVERSIONS)
@pytest.mark.parametrize("trained", CONVERSIONS)
def test_the_same_scene_in_another_type_is_mapped_to_the_same(trained: str, predicted: str) -> None:
    model = IntensityMapping.fit(CONVERSIONS[trained](scene()))
    expected = model.apply(CONVERSIONS[trained](scene()))
    image = CONVERSIONS[predicted](scene())
    mapping, note = model.for_image(image)
    np.testing.assert_allclose(mapping.apply(image), expected, atol=1.5)
    # Of eight bits as floating point numbers there is nothing to say.
    same = {trained, predicted} == {"uint8", "float of 255"}
    if trained == predicted:
        assert note == ""
    elif not same:
        assert "it is mapped by its own range" in note
        assert image.dtype.name in note


def test_the_range_can_be_chosen_outright() -> None:
    model = IntensityMapping.fit(scene())
    image = scene().astype(np.uint16) * 257
    assert model.for_image(image, "model") == (model, "")
    mapping, note = model.for_image(image, "image")
    assert note == ""
    assert mapping.high[0] == pytest.approx(255 * 257, rel=0.02)


def test_a_darker_image_of_the_same_camera_is_mapped_as_the_model_was() -> None:
    trained = scene().astype(np.uint16) * 20
    model = IntensityMapping.fit(trained)
    assert model.for_image(trained // 2) == (model, "")


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("padding", [-32768, -1024])
def test_padding_does_not_squeeze_what_is_between(dtype: type, padding: int) -> None:
    tissue = scene().astype(dtype) - 50
    padded = tissue.copy()
    padded[:10] = padding
    mapping = IntensityMapping.fit(padded)
    whole = IntensityMapping.fit(tissue[10:])
    assert mapping.low == pytest.approx(whole.low, abs=1)
    assert mapping.high == pytest.approx(whole.high, abs=1)
    # It stays darker than everything.
    assert mapping.apply(padded)[:10].max() == -255


def test_missing_values_do_not_count_and_become_black() -> None:
    image = scene().astype(np.float32)
    holes = image.copy()
    holes[:10] = np.nan
    mapping = IntensityMapping.fit(holes)
    assert mapping.low == pytest.approx(IntensityMapping.fit(image[10:]).low)
    assert (mapping.apply(holes)[:10] == 0).all()
    np.testing.assert_allclose(mapping.apply(mapping.without_nan(holes)), mapping.apply(holes))


def test_a_dark_background_is_no_padding() -> None:
    image = np.zeros((64, 64, 1), np.uint16)
    image[20:40, 20:40] = np.random.default_rng(0).integers(500, 4000, (20, 20, 1))
    assert IntensityMapping.fit(image).low == (0.0,)


def test_a_blank_image_is_mapped() -> None:
    model = IntensityMapping.fit(scene())
    blank = np.full((40, 40, 1), 1000, np.uint16)
    mapping, _ = model.for_image(blank)
    assert np.isfinite(mapping.apply(blank)).all()


@pytest.mark.parametrize(
    ("darkest", "brightest", "dtype"),
    [
        (-LARGEST, LARGEST, np.float64),
        (-1e308, 1.2e308, np.float64),
        (1e308, 1.1e308, np.float64),
        (-3.4e38, 3.4e38, np.float32),
        (-6e4, 6.5e4, np.float16),
        (0, 1e-44, np.float32),
        (0, 1e-299, np.float64),
        (-(2.0**63), 2.0**62, np.int64),
    ],
)
def test_values_at_the_ends_of_their_type_are_mapped_like_any_others(
    darkest: float, brightest: float, dtype: type
) -> None:
    image = np.full((8, 8, 1), darkest, dtype)
    image[2:6] = brightest
    expected = np.zeros((8, 8, 1))
    expected[2:6] = 255
    np.testing.assert_allclose(IntensityMapping.fit(image).apply(image), expected, atol=1e-3)


@given(hnp.arrays(np.float64, (4, 5, 2), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_any_finite_values_are_mapped_to_numbers(image: np.ndarray) -> None:
    mapping = IntensityMapping.fit(image)
    assert mapping.is_sane
    mapped = mapping.apply(image)
    assert np.abs(mapped).max() <= IntensityMapping.FARTHEST


@pytest.mark.parametrize("value", [0.0, 7.0, 1e20, -LARGEST, LARGEST, 5e-324])
def test_a_constant_channel_of_any_size_is_mapped_to_a_constant(value: float) -> None:
    image = np.full((4, 4, 1), value)
    mapped = IntensityMapping.fit(image).apply(image)
    assert np.isfinite(mapped).all()
    assert np.ptp(mapped) == 0


def test_the_lowest_number_of_a_type_is_padding_also_beside_a_wide_range() -> None:
    scan = np.random.default_rng(0).uniform(-20_000, 20_000, (80, 80, 1)).astype(np.int16)
    padded = np.pad(scan, ((10, 10), (0, 0), (0, 0)), constant_values=-32768)
    alone, both = IntensityMapping.fit(scan), IntensityMapping.fit(padded)
    assert both.low == pytest.approx(alone.low, abs=200)
    assert both.high == pytest.approx(alone.high, abs=200)

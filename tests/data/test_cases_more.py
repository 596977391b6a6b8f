"""Further files as people's programs write them: orders of axes, transparency, masks in colours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data.image_files import read_labels, read_picture
from napari_fcn_crf.data.images import check_image
from napari_fcn_crf.data.intensity import IntensityMapping

GENERATOR = np.random.default_rng(0)
GRAY = GENERATOR.integers(0, 256, (40, 50), np.uint8)
DEEP = GENERATOR.integers(900, 1400, (40, 50), np.uint16)
COLOURS = GENERATOR.integers(0, 256, (40, 50, 3), np.uint8)
LABELS = (np.add.outer(np.arange(40) // 10, np.arange(50) // 25)).astype(np.uint8)


def write(path: Path, array: np.ndarray, **options: Any) -> Path:
    with warnings.catch_warnings():
        # Of what people have written long ago, and tifffile will write otherwise.
        warnings.simplefilter("ignore", DeprecationWarning)
        tifffile.imwrite(path, array, **options)
    return path


@pytest.mark.parametrize("order", ["XYZCT", "XYCZT", "XYTZC", "XYCTZ", "XYTCZ", "XYZTC"])
def test_every_order_of_omes_dimensions(tmp_path: Path, order: str) -> None:
    axes = order[::-1]
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 40, "X": 50}
    array = GENERATOR.integers(0, 99, [sizes[axis] for axis in axes], np.uint16)
    path = write(tmp_path / "a.ome.tif", array, metadata={"axes": axes}, photometric="minisblack")
    picture = read_picture(path)
    assert picture.axes == axes.lower()
    last = np.moveaxis(array, axes.index("C"), -1)
    np.testing.assert_array_equal(picture.channels_last(), last)


def test_levels_of_several_channels(tmp_path: Path) -> None:
    channels = np.stack([DEEP, DEEP + 1])
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(channels, subifds=2, metadata={"axes": "CYX"}, photometric="minisblack")
        for step in (2, 4):
            level = channels[:, ::step, ::step]
            file.write(level, subfiletype=1, photometric="minisblack")
    picture = read_picture(tmp_path / "a.ome.tif")
    assert (picture.axes, picture.notes) == ("cyx", ())
    np.testing.assert_array_equal(picture.array, channels)


def test_imagejs_frames_slices_channels_and_tables(tmp_path: Path) -> None:
    table = np.zeros((3, 256), np.uint8)
    table[0] = np.arange(256)
    array = GENERATOR.integers(0, 255, (2, 3, 4, 40, 50), np.uint8)
    metadata = {
        "axes": "TZCYX",
        "LUTs": [table] * 4,
        "mode": "composite",
        "spacing": 2.0,
        "unit": "micron",
        "finterval": 0.5,
    }
    picture = read_picture(write(tmp_path / "a.tif", array, imagej=True, metadata=metadata))
    np.testing.assert_array_equal(picture.array, array)
    assert picture.describe() == "4 channels, 2 frames, 3 planes, 40 x 50"
    assert picture.place.spacing[:2] == pytest.approx((0.5, 2e-6))


@pytest.mark.parametrize(
    ("array", "options", "channels"),
    [
        (np.dstack([COLOURS, GRAY]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, 3),
        (np.dstack([COLOURS, GRAY]), {"photometric": "rgb", "extrasamples": ["assocalpha"]}, 3),
        (np.dstack([COLOURS, GRAY]), {"photometric": "rgb", "extrasamples": ["unspecified"]}, 4),
        (
            np.dstack([GRAY, GRAY]),
            {
                "photometric": "minisblack",
                "planarconfig": "contig",
                "extrasamples": ["unassalpha"],
            },
            1,
        ),
    ],
)
def test_transparency_of_any_kind(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any], channels: int
) -> None:
    picture = read_picture(write(tmp_path / "a.tif", array, **options))
    assert picture.channels == channels
    np.testing.assert_array_equal(picture.channels_last(), array[..., :channels])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint32, np.float64])
def test_large_types(tmp_path: Path, dtype: type) -> None:
    array = DEEP.astype(dtype) * dtype(10**6 if np.dtype(dtype).itemsize < 8 else 10**12)
    picture = read_picture(write(tmp_path / "a.tif", array))
    assert picture.array.dtype == dtype
    np.testing.assert_array_equal(picture.array, array)


def test_inverted_gray_in_tiles(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", 65535 - DEEP, photometric="miniswhite", tile=(16, 16))
    np.testing.assert_array_equal(read_picture(path).array, DEEP)


def test_png_with_a_colour_that_is_transparent(tmp_path: Path) -> None:
    for array, transparency in ((COLOURS, (1, 2, 3)), (GRAY, 7)):
        Image.fromarray(array).save(tmp_path / "a.png", transparency=transparency)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png").array, array)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([DEEP, DEEP])))
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.channels_last()[..., 0], DEEP)
    assert picture.channels == 1


def test_gray_frames_are_no_colours(tmp_path: Path) -> None:
    frames = np.stack([GRAY, 255 - GRAY, GRAY // 2])
    first, *others = map(Image.fromarray, frames)
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    picture = read_picture(tmp_path / "a.png")
    assert picture.axes == "tyx"
    np.testing.assert_array_equal(picture.array, frames)


def test_a_gray_photograph_that_is_to_be_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(GRAY).save(tmp_path / "a.jpg", exif=exif)
    stored, upright = (read_picture(tmp_path / "a.jpg", exif=exif) for exif in (False, True))
    assert (stored.axes, upright.spatial_shape) == ("yx", (50, 40))
    np.testing.assert_array_equal(upright.array, np.rot90(stored.array, -1))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_few_bits_are_numbers_of_labels(tmp_path: Path, bits: int) -> None:
    labels = np.minimum(LABELS, 2**bits - 1)
    image = Image.fromarray(labels)
    image.putpalette(GENERATOR.integers(0, 256, 3 * 2**bits, np.uint8).tolist())
    image.save(tmp_path / "l.png", bits=bits)
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), labels)


@pytest.mark.parametrize(
    "stored",
    [
        LABELS.astype(np.int32) - 1,
        LABELS.astype(np.float16),
        LABELS.astype(np.float64),
        LABELS.astype(np.uint64),
        LABELS.astype(np.int64) * -(10**12),
    ],
)
def test_labels_of_any_whole_numbers(tmp_path: Path, stored: np.ndarray) -> None:
    labels = read_labels(write(tmp_path / "l.tif", stored))
    assert labels.dtype.kind in "iu"
    np.testing.assert_array_equal(labels, stored)


def test_masks_in_colours_are_told_of(tmp_path: Path) -> None:
    """Colours of Pascal VOC, say, without the palette that would give them numbers."""
    palette = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]], np.uint8)
    coloured = palette[LABELS]
    Image.fromarray(coloured).save(tmp_path / "l.png")
    Image.fromarray(np.dstack([coloured, np.full_like(GRAY, 255)])).save(tmp_path / "a.png")
    write(tmp_path / "l.tif", coloured, photometric="rgb")
    write(tmp_path / "o.tif", np.stack([value == LABELS for value in range(3)], -1).astype("u1"))
    for name in ("l.png", "a.png", "l.tif", "o.tif"):
        with pytest.raises(
            ValueError, match=r"must be one number a pixel, but .* is a colour image"
        ):
            read_labels(tmp_path / name)
    gray = np.dstack([LABELS, LABELS, LABELS, np.full_like(LABELS, 255)])
    Image.fromarray(gray).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "g.png"), LABELS)


@pytest.mark.parametrize("name", ["weiß 1.tif", "日本.tiff", "a.b.c.TIF", "none"])
def test_any_name(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_picture(write(tmp_path / name, GRAY)).array, GRAY)


@pytest.mark.parametrize("shape", [(1, 50), (40, 1), (1, 1)])
def test_sides_of_a_pixel(tmp_path: Path, shape: tuple[int, int]) -> None:
    array = np.ones(shape, np.uint8)
    picture = read_picture(write(tmp_path / "a.tif", array, photometric="minisblack"))
    assert (picture.axes, picture.spatial_shape) == ("yx", shape)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-1, 1, np.float32),
        (3e9, 4e9, np.uint32),
        (0, 1e-9, np.float32),
        (-2e9, 2e9, np.int32),
        (0, 60_000, np.float16),
        (0, 1e300, np.float64),
        (-128, 127, np.int8),
        (0, 2.0**62, np.uint64),
    ],
)
def test_a_scene_in_any_units_is_mapped_as_in_eight_bits(
    low: float, high: float, dtype: type
) -> None:
    scene = GENERATOR.random((60, 80, 1)) ** 2
    bytes_of = np.rint(scene * 255).astype(np.uint8)
    trained = IntensityMapping.fit(bytes_of)
    mapping, note = trained.for_image((low + scene * (high - low)).astype(dtype))
    assert np.dtype(dtype).name in note
    mapped = mapping.apply((low + scene * (high - low)).astype(dtype))
    assert np.abs(mapped - bytes_of).max() < 4


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (GRAY.astype(np.complex64), "must hold real numbers"),
        (GRAY.astype("M8[s]"), "must hold real numbers"),
        (np.full((40, 50), np.inf), "no infinite values, but 2000 of 2000"),
        (np.full((40, 50), np.nan), "all of them are NaN"),
    ],
)
def test_what_is_no_intensity_is_told_of(array: np.ndarray, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        check_image(array)


@pytest.mark.parametrize(
    ("unit", "metres"),
    [
        ("cm", 1e-2),
        ("mm", 1e-3),
        ("micron", 1e-6),
        ("um", 1e-6),
        ("\\u00B5m", 1e-6),
        ("nm", 1e-9),
        ("inch", 0.0254),
    ],
)
def test_imagejs_units(tmp_path: Path, unit: str, metres: float) -> None:
    path = write(tmp_path / "a.tif", GRAY, imagej=True, resolution=(4, 5), metadata={"unit": unit})
    place = read_picture(path).place
    assert place.units == ("meter", "meter")
    assert place.spacing == pytest.approx((metres / 5, metres / 4))

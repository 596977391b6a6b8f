"""TIFF images as people's programs write them, with the right pixels, axes and sizes of each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data.image_files import read_picture
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.data.picture import Picture, as_picture

GENERATOR = np.random.default_rng(0)
GRAY = GENERATOR.integers(0, 256, (40, 50), np.uint8)
DEEP = GENERATOR.integers(900, 1400, (40, 50), np.uint16)
# Smooth, since JPEG is for photographs.
SMOOTH = (np.add.outer(np.arange(40), np.arange(50))[..., np.newaxis] * (1, 2, 1)).astype(np.uint8)
COLOURS = GENERATOR.integers(0, 256, (40, 50, 3), np.uint8)
BINARY = GRAY > 100


def shown(value: Any) -> str:
    """Return a parameter as part of a test's name."""
    return f"{value.dtype}-{value.shape}" if isinstance(value, np.ndarray) else str(value)


def written(tmp_path: Path, array: Any, **options: Any) -> Picture:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **options)
    return read_picture(path)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (GRAY, {"compression": "lzw"}),
        (DEEP, {"compression": "lzw", "predictor": True}),
        (COLOURS, {"compression": "lzw", "predictor": True, "tile": (16, 16)}),
        (DEEP.astype(np.float32), {"compression": "zlib", "predictor": True}),
        (DEEP, {"compression": "zstd"}),
        (DEEP, {"compression": "lzma"}),
        (DEEP, {"compression": "packbits"}),
        (COLOURS, {"compression": "jpegxl"}),
        (DEEP, {"compression": "jpeg2000"}),
        (COLOURS, {"compression": "png"}),
        (COLOURS, {"compression": "webp", "compressionargs": {"lossless": True}}),
        (BINARY, {"compression": "packbits"}),
        (DEEP.astype(np.float16), {}),
        (DEEP.astype(np.float64), {"compression": "lzw"}),
        ((GRAY.astype(np.int16) - 128).astype(np.int8), {}),
        (DEEP.astype(np.int16) - 1000, {"byteorder": ">"}),
        (DEEP, {"byteorder": ">", "compression": "lzw"}),
        (DEEP.astype(np.uint32) * 70_000, {"bigtiff": True}),
        (BINARY, {}),
    ],
    ids=shown,
)
def test_lossless_compressions_and_types(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any]
) -> None:
    picture = written(tmp_path, array, **options)
    np.testing.assert_array_equal(picture.array, array)
    assert picture.array.dtype == array.dtype
    assert picture.array.dtype.isnative
    assert picture.axes == ("yx" if array.ndim == 2 else "yxc")


@pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
def test_jpeg_in_a_tiff(tmp_path: Path, photometric: str) -> None:
    stored = SMOOTH
    if photometric == "ycbcr":
        stored = np.asarray(Image.fromarray(SMOOTH).convert("YCbCr"))
    picture = written(tmp_path, stored, compression="jpeg", photometric=photometric)
    assert picture.axes == "yxc"
    assert np.abs(picture.array.astype(int) - SMOOTH).mean() < 3


def test_jpeg_of_gray(tmp_path: Path) -> None:
    picture = written(tmp_path, SMOOTH[..., 0], compression="jpeg", photometric="minisblack")
    assert picture.axes == "yx"
    assert np.abs(picture.array.astype(int) - SMOOTH[..., 0]).mean() < 3


@pytest.mark.parametrize("compression", ["group4", "group3", "tiff_ccitt", "tiff_lzw", "packbits"])
@pytest.mark.parametrize("zero_is_white", [False, True])
def test_faxes_are_as_they_show(tmp_path: Path, compression: str, zero_is_white: bool) -> None:
    path = tmp_path / "fax.tif"
    shown = np.kron(BINARY[:10, :10], np.ones((4, 5), bool))
    options = {"tiffinfo": {262: 0}} if zero_is_white else {}
    Image.fromarray(shown).save(path, compression=compression, **options)
    with tifffile.TiffFile(path) as file:
        assert (file.pages[0].photometric == 0) is zero_is_white
    np.testing.assert_array_equal(read_picture(path).array, shown)


def test_gray_of_which_zero_is_white(tmp_path: Path) -> None:
    for shown in (GRAY, DEEP):
        stored = np.iinfo(shown.dtype).max - shown
        picture = written(tmp_path, stored, photometric="miniswhite")
        np.testing.assert_array_equal(picture.array, shown)


def test_palettes_are_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(SMOOTH).quantize(16)
    picture.save(tmp_path / "a.tif")
    picture.save(tmp_path / "a.png")
    shown = np.asarray(picture.convert("RGB"))
    for name in ("a.tif", "a.png"):
        read = read_picture(tmp_path / name)
        np.testing.assert_array_equal(read.array, shown)
        assert read.axes == "yxc"


def test_each_page_has_its_own_palette(tmp_path: Path) -> None:
    pages = [Image.fromarray(SMOOTH // divisor).quantize(8) for divisor in (1, 2, 5)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    read = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.array, [np.asarray(page.convert("RGB")) for page in pages])
    assert read.axes == "zyxc"


def test_imagejs_tables_of_colours_are_intensities(tmp_path: Path) -> None:
    green = np.zeros((3, 256), np.uint16)
    green[1] = np.arange(256) * 257
    picture = written(tmp_path, GRAY, imagej=True, colormap=green)
    np.testing.assert_array_equal(picture.array, GRAY)
    assert any("scale of intensities" in note for note in picture.notes)
    shuffled = GENERATOR.permutation(65536)[: 3 * 256].reshape(3, 256).astype(np.uint16)
    picture = written(tmp_path, GRAY, imagej=True, colormap=shuffled)
    np.testing.assert_array_equal(picture.array, (shuffled >> 8).T[GRAY])


@pytest.mark.parametrize("compression", [None, "jpeg", "tiff_lzw"])
def test_inks_are_converted(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "cmyk.tif"
    Image.fromarray(SMOOTH).convert("CMYK").save(path, compression=compression)
    picture = read_picture(path)
    assert picture.axes == "yxc"
    assert picture.channels == 3
    assert np.abs(picture.array.astype(int) - SMOOTH).mean() < (1 if compression != "jpeg" else 5)


def test_a_scan_in_black_ink_is_not_empty(tmp_path: Path) -> None:
    inks = np.zeros((40, 50, 4), np.uint8)
    inks[..., 3] = GRAY
    picture = written(tmp_path, inks, photometric="separated")
    np.testing.assert_array_equal(picture.array, np.repeat(255 - GRAY[..., np.newaxis], 3, axis=-1))


def test_inks_of_sixteen_bits(tmp_path: Path) -> None:
    inks = np.zeros((40, 50, 4), np.uint16)
    inks[..., 0] = DEEP
    picture = written(tmp_path, inks, photometric="separated")
    np.testing.assert_array_equal(picture.array[..., 0], 65535 - DEEP)
    assert (picture.array[..., 1:] == 65535).all()


def test_luminance_and_chroma_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(SMOOTH).convert("YCbCr").save(path)
    assert np.abs(read_picture(path).array.astype(int) - SMOOTH).max() <= 3


@pytest.mark.parametrize(("photometric", "offset"), [("cielab", 0), ("icclab", 128)])
def test_lab_is_converted(tmp_path: Path, photometric: str, offset: int) -> None:
    from skimage.color import rgb2lab

    lab = rgb2lab(SMOOTH)
    stored = np.rint(np.concatenate([lab[..., :1] * 2.55, lab[..., 1:] + offset], axis=-1))
    stored = (stored.astype(np.int64) % 256).astype(np.uint8)
    picture = written(tmp_path, stored, photometric=photometric)
    assert np.abs(picture.array.astype(int) - SMOOTH).mean() < 3


def channels_first(n: int, **more: int) -> np.ndarray:
    return GENERATOR.integers(0, 4000, (*more.values(), n, 40, 50), np.uint16)


@pytest.mark.parametrize(
    ("array", "options", "axes", "channels"),
    [
        (COLOURS.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}, "cyx", 3),
        (np.stack([COLOURS.transpose(2, 0, 1)] * 4), {"photometric": "rgb"}, "zcyx", 3),
        (channels_first(2), {"imagej": True, "metadata": {"axes": "CYX"}}, "cyx", 2),
        (
            channels_first(4),
            {"imagej": True, "metadata": {"axes": "CYX", "mode": "composite"}},
            "cyx",
            4,
        ),
        (channels_first(2, z=5), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "zcyx", 2),
        (channels_first(2, t=5), {"imagej": True, "metadata": {"axes": "TCYX"}}, "tcyx", 2),
        (
            channels_first(2, t=3, z=5),
            {"imagej": True, "metadata": {"axes": "TZCYX"}},
            "tzcyx",
            2,
        ),
        (channels_first(5), {"imagej": True, "metadata": {"axes": "ZYX"}}, "zyx", 1),
        (np.stack([COLOURS] * 4), {"imagej": True, "metadata": {"axes": "ZYXS"}}, "zyxc", 3),
        (channels_first(2), {"ome": True, "metadata": {"axes": "CYX"}}, "cyx", 2),
        (channels_first(2, z=5), {"ome": True, "metadata": {"axes": "ZCYX"}}, "zcyx", 2),
        (channels_first(5, c=2), {"ome": True, "metadata": {"axes": "CZYX"}}, "czyx", 2),
        (channels_first(2, t=5), {"ome": True, "metadata": {"axes": "TCYX"}}, "tcyx", 2),
        (
            np.stack([COLOURS] * 4),
            {"ome": True, "bigtiff": True, "metadata": {"axes": "ZYXS"}},
            "zyxc",
            3,
        ),
        (channels_first(2), {"metadata": {"axes": "CYX"}}, "cyx", 2),
        (COLOURS.astype(np.uint16), {"photometric": "rgb"}, "yxc", 3),
    ],
    ids=shown,
)
def test_axes_are_as_the_file_says(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any], axes: str, channels: int
) -> None:
    picture = written(tmp_path, array, **options)
    assert (picture.axes, picture.channels, picture.guessed) == (axes, channels, False)
    np.testing.assert_array_equal(picture.array, array)
    # Nobody who is given it thinks otherwise.
    assert as_picture(picture, spatial_shape=array.shape) is picture


def test_planes_behind_the_columns_become_the_first_axis(tmp_path: Path) -> None:
    stack = GENERATOR.integers(0, 99, (40, 50, 7), np.uint8)
    options = {"photometric": "minisblack", "metadata": {"axes": "YXZ"}}
    picture = written(tmp_path, stack, **options)
    assert picture.axes == "zyx"
    np.testing.assert_array_equal(picture.array, stack.transpose(2, 0, 1))
    given = read_picture(tmp_path / "a.tif", "yxt")
    assert (given.axes, given.spatial_shape) == ("tyx", (7, 40, 50))
    # Of the labels beside it, too.
    tifffile.imwrite(tmp_path / "b.tif", stack % 3, **options)
    image, labels = PairFiles(tmp_path / "a.tif", tmp_path / "b.tif").read()
    assert labels.shape == image.spatial_shape
    np.testing.assert_array_equal(labels, stack.transpose(2, 0, 1) % 3)


def test_colours_of_several_channels(tmp_path: Path) -> None:
    """Two channels of red, green and blue each, as OME has them, are six channels."""
    array = np.stack([COLOURS, 255 - COLOURS])
    picture = written(tmp_path, array, ome=True, metadata={"axes": "CYXS"})
    assert (picture.axes, picture.channels) == ("yxc", 6)
    np.testing.assert_array_equal(picture.array, np.concatenate([COLOURS, 255 - COLOURS], axis=-1))


def test_planes_without_a_name_may_be_channels(tmp_path: Path) -> None:
    array = channels_first(2)
    for options in ({}, {"metadata": None}):
        picture = written(tmp_path, array, photometric="minisblack", **options)
        assert (picture.axes, picture.guessed) == ("zyx", True)
        assert as_picture(picture, spatial_shape=(2, 40, 50)).axes == "zyx"
        assert as_picture(picture, spatial_shape=(40, 50)).axes == "cyx"
        assert as_picture(picture, channels=2).axes == "cyx"
        assert as_picture(picture, channels=1).axes == "zyx"
        assert as_picture(picture, "cyx").channels == 2
    last = np.moveaxis(array, 0, -1)
    assert written(tmp_path, last).axes == "yxc"


def test_transparency_is_what_is_said_to_be(tmp_path: Path) -> None:
    four = np.concatenate([COLOURS, GRAY[..., np.newaxis]], axis=-1)
    for extra, channels in (("unassalpha", 3), ("assocalpha", 3), ("unspecified", 4)):
        picture = written(tmp_path, four, photometric="rgb", extrasamples=[extra])
        assert (picture.alpha, picture.channels) == (channels == 3, channels)
        np.testing.assert_array_equal(picture.channels_last(), four[..., :channels])
    planar = {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]}
    picture = written(tmp_path, four.transpose(2, 0, 1), **planar)
    np.testing.assert_array_equal(picture.channels_last(), COLOURS)
    five = np.concatenate([four, 255 - GRAY[..., np.newaxis]], axis=-1)
    extras = ["unassalpha", "unspecified"]
    picture = written(tmp_path, five, photometric="rgb", extrasamples=extras)
    np.testing.assert_array_equal(picture.channels_last(), five[..., [0, 1, 2, 4]])
    for mode, channels in (("LA", 1), ("RGBA", 3), ("RGBX", 4)):
        Image.fromarray(COLOURS).convert(mode).save(tmp_path / "p.tif")
        assert read_picture(tmp_path / "p.tif").channels == channels


def test_the_largest_image_is_read(tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(COLOURS[::4, ::4], photometric="rgb", metadata=None)
        file.write(COLOURS, photometric="rgb", tile=(16, 16), metadata=None)
        file.write(GRAY[:20, :20], photometric="minisblack", metadata=None)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.array, COLOURS)
    assert any("3 images, of which number 2 is read" in note for note in picture.notes)
    with tifffile.TiffWriter(path) as file:
        file.write(GRAY, photometric="minisblack", metadata=None)
        file.write(BINARY, photometric="mask", metadata=None)
    np.testing.assert_array_equal(read_picture(path).array, GRAY)


def test_a_pyramid_is_its_lowest_level(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.ome.tif"
    array = channels_first(2)
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (16, 16), "photometric": "minisblack"}
        file.write(array, subifds=1, metadata={"axes": "CYX"}, **options)
        file.write(array[..., ::2, ::2], subfiletype=1, **options)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.array, array)
    assert picture.notes == ()


OME = """<?xml version="1.0"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" {uuid}>
 <Image ID="Image:0"><Pixels DimensionOrder="XYZCT" ID="Pixels:0" Type="uint8"
  SizeX="50" SizeY="40" SizeZ="{planes}" SizeC="1" SizeT="1">{data}</Pixels></Image></OME>"""


def part(name: str, plane: int, identifier: str) -> str:
    return (
        f'<TiffData FirstZ="{plane}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{identifier}</UUID></TiffData>'
    )


def write_set(folder: Path, own_identifier: bool = True) -> list[Path]:
    identifiers = [str(uuid.UUID(int=number)) for number in (1, 2, 3)]
    names = [f"part{number}.ome.tif" for number in range(3)]
    data = "".join(map(part, names, range(3), identifiers))
    for number, (name, identifier) in enumerate(zip(names, identifiers, strict=True)):
        own = f'UUID="urn:uuid:{identifier}"' if own_identifier else ""
        description = OME.format(planes=3, uuid=own, data=data)
        plane = GRAY // (number + 1)
        tifffile.imwrite(folder / name, plane, description=description, metadata=None)
    return [folder / name for name in names]


def test_a_set_of_files(tmp_path: Path) -> None:
    files = write_set(tmp_path)
    for path in files:
        picture = read_picture(path)
        assert picture.axes == "zyx"
        np.testing.assert_array_equal(picture.array, [GRAY, GRAY // 2, GRAY // 3])
    files[1].unlink()
    with pytest.raises(ValueError, match=r"with part1\.ome\.tif, which is no file beside it"):
        read_picture(files[0])


def test_a_renamed_ome_tiff_knows_itself(tmp_path: Path) -> None:
    identifier = str(uuid.UUID(int=1))
    data = part("before.ome.tif", 0, identifier)
    description = OME.format(planes=1, uuid=f'UUID="urn:uuid:{identifier}"', data=data)
    tifffile.imwrite(tmp_path / "after.tif", GRAY, description=description, metadata=None)
    np.testing.assert_array_equal(read_picture(tmp_path / "after.tif").array, GRAY)


def test_a_part_whose_description_is_elsewhere(tmp_path: Path) -> None:
    name = "set.companion.ome"
    binary = f'<OME UUID="urn:uuid:9"><BinaryOnly MetadataFile="{name}" UUID="urn:uuid:8"/></OME>'
    path = tmp_path / "part0.ome.tif"
    tifffile.imwrite(path, GRAY, description=binary, metadata=None)
    with pytest.raises(ValueError, match=r"with set\.companion\.ome, which is no file beside it"):
        read_picture(path)
    identifiers = [str(uuid.UUID(int=number)) for number in (1, 2)]
    data = "".join(map(part, ("part0.ome.tif", "part1.ome.tif"), range(2), identifiers))
    (tmp_path / name).write_text(OME.format(planes=2, uuid="", data=data))
    with pytest.raises(ValueError, match=r"with part1\.ome\.tif, which is no file beside it"):
        read_picture(path)
    tifffile.imwrite(tmp_path / "part1.ome.tif", GRAY // 2, description=binary, metadata=None)
    np.testing.assert_array_equal(read_picture(path).array, [GRAY, GRAY // 2])


def test_planes_that_were_never_recorded_are_said(tmp_path: Path) -> None:
    data = '<TiffData FirstZ="0" IFD="0" PlaneCount="1"/>'
    description = OME.format(planes=3, uuid="", data=data)
    tifffile.imwrite(tmp_path / "a.ome.tif", GRAY, description=description, metadata=None)
    picture = read_picture(tmp_path / "a.ome.tif")
    assert picture.array.shape == (3, 40, 50)
    assert any("2 of its 3 planes are not in the file" in note for note in picture.notes)


UM = 1e-6


@pytest.mark.parametrize(
    ("options", "spacing", "units"),
    [
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "ZYX",
                    "PhysicalSizeX": 200,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 0.25,
                    "PhysicalSizeZ": 1.0,
                    "PhysicalSizeZUnit": "µm",
                },
            },
            (UM, 0.25 * UM, 0.2 * UM),
            ("meter",) * 3,
        ),
        (
            {
                "ome": True,
                "metadata": {"axes": "TYX", "TimeIncrement": 500.0, "TimeIncrementUnit": "ms"},
            },
            (0.5, 1, 1),
            ("second", "pixel", "pixel"),
        ),
        (
            {
                "imagej": True,
                "resolution": (5, 4),
                "metadata": {"axes": "ZYX", "spacing": 1.5, "unit": "um"},
            },
            (1.5 * UM, 0.25 * UM, 0.2 * UM),
            ("meter",) * 3,
        ),
        (
            {
                "imagej": True,
                "resolution": (5, 5),
                "metadata": {"axes": "TYX", "finterval": 2.5, "unit": "\\u00B5m"},
            },
            (2.5, 0.2 * UM, 0.2 * UM),
            ("second", "meter", "meter"),
        ),
        (
            {"resolution": (50_000, 40_000), "resolutionunit": "CENTIMETER"},
            (1, 0.25 * UM, 0.2 * UM),
            ("pixel", "meter", "meter"),
        ),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, (1, 1, 1), ("pixel",) * 3),
        ({}, (1, 1, 1), ("pixel",) * 3),
    ],
    ids=shown,
)
def test_the_size_of_pixels(
    tmp_path: Path,
    options: dict[str, Any],
    spacing: tuple[float, ...],
    units: tuple[str, ...],
) -> None:
    place = written(tmp_path, channels_first(4), photometric="minisblack", **options).place
    np.testing.assert_allclose(place.spacing, spacing, rtol=1e-6)
    assert place.units == units


def renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


@pytest.mark.parametrize("name", ["A.TIF", "a.png", "a", "a b (1) [2] é.Tiff"])
def test_a_file_is_what_is_in_it(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / "one.tif", DEEP)
    np.testing.assert_array_equal(read_picture(renamed(tmp_path / "one.tif", name)).array, DEEP)


def overwrite(path: Path, tag: str, value: Any) -> None:
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[tag].overwrite(value)


@pytest.mark.parametrize("compression", [34661, 32809, 59999])
def test_a_missing_decoder_is_called_one(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY, compression="zlib")
    overwrite(path, "Compression", compression)
    with pytest.raises(ValueError, match=r"a\.tif .*no decoder for here.*Save it with another"):
        read_picture(path)


def test_a_decoder_that_is_not_installed_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> Callable[..., Any]:
        raise ImportError("could not import name 'lzw_decode' from 'imagecodecs'")

    tifffile.imwrite(tmp_path / "a.tif", GRAY, compression="lzw")
    monkeypatch.setitem(tifffile.TIFF.DECOMPRESSORS._codecs, 5, missing)
    with pytest.raises(ValueError, match="no decoder for here"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_that_is_to_be_turned(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COLOURS, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.array, COLOURS)
    assert any("EXIF" in note for note in picture.notes) is (orientation > 1)
    from PIL import ImageOps

    image = Image.fromarray(COLOURS)
    image.getexif()[274] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_picture(path, exif=True).array, upright)

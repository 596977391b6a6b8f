"""Label and probability files as people have them, with the right numbers of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data.image_files import (
    is_result,
    read_labels,
    read_probabilities,
    write_labels,
    write_probabilities,
)
from napari_fcn_crf.data.labelled_folder import PairFiles

LABELS = np.arange(2000).reshape(40, 50) // 300
LARGE = LABELS * 700_000_001


def shown(value: Any) -> str:
    """Return a parameter as part of a test's name."""
    return f"{value.dtype}-{value.shape}" if isinstance(value, np.ndarray) else str(value)


@pytest.mark.parametrize(
    ("stored", "options", "dtype"),
    [
        (LABELS.astype(np.float32), {}, np.uint8),
        (LABELS.astype(np.float64) * 1000, {"compression": "lzw"}, np.uint16),
        (LABELS.astype(np.float32) - 1, {}, np.int8),
        (LABELS.astype(np.float16), {}, np.uint8),
        (LARGE.astype(np.float64), {}, np.uint32),
        (LABELS.astype(np.int8) - 3, {}, np.int8),
        (LABELS.astype(np.int16) - 3, {"byteorder": ">"}, np.int16),
        (LARGE.astype(np.uint64) * 1_000, {}, np.uint64),
        (LARGE.astype(np.int64), {"bigtiff": True}, np.int64),
        (LABELS.astype(np.uint8), {"photometric": "miniswhite"}, np.uint8),
        (LABELS.astype(np.uint16), {"compression": "packbits"}, np.uint16),
        (LABELS > 2, {}, np.bool_),
    ],
    ids=shown,
)
def test_tiff_labels(
    tmp_path: Path, stored: np.ndarray, options: dict[str, Any], dtype: type
) -> None:
    tifffile.imwrite(tmp_path / "l.tif", stored, **options)
    labels = read_labels(tmp_path / "l.tif")
    np.testing.assert_array_equal(labels, stored)
    assert labels.dtype == dtype


def test_parts_of_numbers_are_refused(tmp_path: Path) -> None:
    for wrong in (0.5, np.nan, np.inf):
        stored = LABELS.astype(np.float32)
        stored[3, 4] = wrong
        tifffile.imwrite(tmp_path / "l.tif", stored)
        with pytest.raises(ValueError, match=rf"whole numbers, but l\.tif has {wrong} among them"):
            read_labels(tmp_path / "l.tif")


def test_labels_with_a_table_of_colours(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    for options in ({"imagej": True}, {}):
        tifffile.imwrite(tmp_path / "l.tif", LABELS.astype(np.uint8), colormap=colours, **options)
        np.testing.assert_array_equal(read_labels(tmp_path / "l.tif"), LABELS)
    image = Image.fromarray(LABELS.astype(np.uint8))
    image.putpalette(colours.astype(np.uint8).T.ravel().tolist())
    for suffix in ("tif", "png", "gif", "bmp"):
        image.save(tmp_path / f"l.{suffix}")
        np.testing.assert_array_equal(read_labels(tmp_path / f"l.{suffix}"), LABELS)


def test_png_labels(tmp_path: Path) -> None:
    deep = (LABELS * 1000 + 1).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "l.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), deep)
    import imagecodecs

    (tmp_path / "l.png").write_bytes(imagecodecs.png_encode(np.repeat(deep[..., None], 3, 2)))
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), deep)
    Image.fromarray(LABELS > 2).save(tmp_path / "l.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), LABELS > 2)
    gray = Image.fromarray(LABELS.astype(np.uint8))
    gray.putalpha(Image.fromarray((LABELS > 0).astype(np.uint8) * 255))
    gray.save(tmp_path / "l.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.png"), LABELS)


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw", None])
@pytest.mark.parametrize("zero_is_white", [False, True])
def test_labels_of_one_bit_are_as_they_show(
    tmp_path: Path, compression: str | None, zero_is_white: bool
) -> None:
    options = {"tiffinfo": {262: 0}} if zero_is_white else {}
    Image.fromarray(LABELS > 2).save(tmp_path / "l.tif", compression=compression, **options)
    np.testing.assert_array_equal(read_labels(tmp_path / "l.tif"), LABELS > 2)


def test_three_planes_of_labels_are_no_colours(tmp_path: Path) -> None:
    """tifffile long wrote three planes of 8 bits as red, green and blue unless told not to."""
    stack = np.stack([LABELS, LABELS + 1, LABELS + 2]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "l.tif", stack, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_labels(tmp_path / "l.tif"), stack)
    tifffile.imwrite(tmp_path / "l.tif", stack, imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ValueError, match=r"l\.tif is a colour image, or one of several channels"):
        read_labels(tmp_path / "l.tif")


def test_an_animation_is_no_labels(tmp_path: Path) -> None:
    frames = [Image.fromarray((LABELS // k).astype(np.uint8)) for k in (1, 2)]
    frames[0].save(tmp_path / "l.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="Save them as a TIFF stack"):
        read_labels(tmp_path / "l.gif")


def test_labels_of_a_pair_have_its_images_order_of_axes(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 9, (2, 3, 2, 40, 50), np.uint8)
    labels = np.random.default_rng(0).integers(0, 3, (3, 2, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, ome=True, metadata={"axes": "TZCYX"})
    tifffile.imwrite(tmp_path / "b.tif", labels, ome=True, metadata={"axes": "ZTYX"})
    picture, found = PairFiles(tmp_path / "a.tif", tmp_path / "b.tif").read()
    assert (picture.spatial_axes, found.shape) == ("tzyx", (2, 3, 40, 50))
    np.testing.assert_array_equal(found, labels.swapaxes(0, 1))


def test_labels_tell_what_unnamed_planes_are(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(0, 9, (2, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", planes)
    pair = PairFiles(tmp_path / "a.tif", tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "b.tif", LABELS.astype(np.uint8))
    assert pair.read()[0].axes == "cyx"
    tifffile.imwrite(tmp_path / "b.tif", np.stack([LABELS] * 2).astype(np.uint8))
    assert pair.read()[0].axes == "zyx"


def photograph(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    shade = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    Image.fromarray(shade).save(path, exif=exif)


def test_labels_of_a_turned_photograph(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", 6)
    upright = np.rot90(LABELS, -1).astype(np.uint8)
    Image.fromarray(upright).save(tmp_path / "turned.png")
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "raw.png")
    turned = PairFiles(tmp_path / "a.jpg", tmp_path / "turned.png")
    with pytest.raises(ValueError, match=r"a\.jpg is stored turned .*EXIF orientation 6.*--exif"):
        turned.read()
    picture, labels = turned.read(exif=True)
    assert picture.spatial_shape == labels.shape == (50, 40)
    raw = PairFiles(tmp_path / "a.jpg", tmp_path / "raw.png")
    with pytest.raises(ValueError, match="drawn on it as it is stored"):
        raw.read(exif=True)
    picture, labels = raw.read()
    assert picture.spatial_shape == labels.shape == (40, 50)
    assert "EXIF orientation 6" in picture.notes[0]


PROBABILITIES = np.random.default_rng(0).dirichlet([1, 1], (40, 50)).astype(np.float32)


@pytest.mark.parametrize(
    ("axes", "options"),
    [
        ("CYX", {"imagej": True}),
        ("CYX", {"ome": True}),
        ("CYX", {}),
        ("YXC", {}),
    ],
    ids=shown,
)
def test_the_axis_of_classes_is_as_the_file_says(
    tmp_path: Path, axes: str, options: dict[str, Any]
) -> None:
    first = np.moveaxis(PROBABILITIES, -1, 0)
    stored = first if axes == "CYX" else PROBABILITIES
    tifffile.imwrite(
        tmp_path / "p.tif", stored, photometric="minisblack", metadata={"axes": axes}, **options
    )
    np.testing.assert_array_equal(read_probabilities(tmp_path / "p.tif").values, first)


def test_results_know_that_they_are(tmp_path: Path) -> None:
    labels = LABELS.astype(np.uint8)
    write_labels(tmp_path / "own.tif", labels)
    write_labels(tmp_path / "result.tif", labels, "predict")
    values = np.moveaxis(PROBABILITIES, -1, 0)
    write_probabilities(tmp_path / "probabilities.tif", values, (1, 2), "refine")
    Image.fromarray(labels).save(tmp_path / "own.png")
    (tmp_path / "none.tif").write_bytes(b"II*\0" + b"x" * 50)
    (tmp_path / "empty.tif").touch()
    found = {path.name for path in tmp_path.iterdir() if is_result(path)}
    assert found == {"result.tif", "probabilities.tif"}
    np.testing.assert_array_equal(read_labels(tmp_path / "result.tif"), labels)
    assert read_probabilities(tmp_path / "probabilities.tif").class_values == (1, 2)

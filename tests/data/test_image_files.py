"""Label images and probabilities come back from files as they were, and other files are refused."""

import os
import struct
import tracemalloc
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.place import Place


def test_probabilities_come_back_with_their_class_values(tmp_path: Path) -> None:
    # Three planes are what a TIFF reader would take for red, green and blue.
    values = np.random.default_rng(0).dirichlet([1, 1, 1], (9, 7)).transpose(2, 0, 1)
    values = values.astype(np.float32)
    path = tmp_path / "p.tif"
    image_files.write_probabilities(path, values, (1, 4, 70_000))
    read = image_files.read_probabilities(path)
    np.testing.assert_array_equal(read.values, values)
    assert read.values.dtype == np.float32
    assert read.class_values == (1, 4, 70_000)


def test_probabilities_of_another_program_get_numbers_for_classes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", np.full((2, 9, 7), 0.5), photometric="minisblack")
    assert image_files.read_probabilities(tmp_path / "p.tif").class_values == (0, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_come_back(tmp_path: Path, dtype: type) -> None:
    labels = (np.arange(63).reshape(9, 7) * 4).astype(dtype)
    image_files.write_labels(tmp_path / "l.tif", labels)
    read = image_files.read_labels(tmp_path / "l.tif")
    np.testing.assert_array_equal(read, labels)
    assert read.dtype == dtype


def test_a_palette_png_gives_its_indices(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(6, dtype=np.uint8), 4).reshape(6, 4)
    image = Image.fromarray(labels)
    image.putpalette([value for color in range(6) for value in (color * 40, 255 - color, 7)])
    image.save(tmp_path / "voc.png")
    np.testing.assert_array_equal(image_files.read_labels(tmp_path / "voc.png"), labels)


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif"])
def test_images_are_read(tmp_path: Path, name: str, tiny_image: np.ndarray) -> None:
    path = tmp_path / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, tiny_image)
    else:
        Image.fromarray(tiny_image).save(path, quality=95)
    read = image_files.read_picture(path).array
    assert read.shape == tiny_image.shape
    # JPEG loses some of it.
    lost = np.abs(read.astype(int) - tiny_image).mean()
    assert 0 < lost < 5 if path.suffix == ".jpg" else lost == 0


@pytest.mark.parametrize("reader", ["read_picture", "read_labels", "read_probabilities"])
@pytest.mark.parametrize("name", ["text.tif", "text.png", "empty.tif", "half.tif", "half.png"])
def test_what_is_no_image_is_refused_by_its_name(
    tmp_path: Path, reader: str, name: str, tiny_image: np.ndarray
) -> None:
    path = tmp_path / name
    if name.startswith("half"):
        image_files.write_labels(tmp_path / "whole.tif", tiny_image[..., 0])
        Image.fromarray(tiny_image[..., 0]).save(tmp_path / "whole.png")
        whole = (tmp_path / f"whole{path.suffix}").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_text("" if name.startswith("empty") else "This is no image.")
    with pytest.raises(ValueError, match=rf"Expected .*{name}"):
        getattr(image_files, reader)(path)


def test_pictures_are_known_by_what_is_in_them(tmp_path: Path, tiny_image: np.ndarray) -> None:
    Image.fromarray(tiny_image).save(tmp_path / "picture.png")
    tifffile.imwrite(tmp_path / "stack.tif", tiny_image)
    (tmp_path / "picture.png").rename(tmp_path / "picture.tif")
    (tmp_path / "stack.tif").rename(tmp_path / "stack.png")
    for name in ("picture.tif", "stack.png"):
        np.testing.assert_array_equal(image_files.read_picture(tmp_path / name).array, tiny_image)
    Image.fromarray(tiny_image).save(tmp_path / "lossy.jpg")
    (tmp_path / "lossy.jpg").rename(tmp_path / "labels.png")
    with pytest.raises(ValueError, match=r"labels\.png is a JPEG"):
        image_files.read_labels(tmp_path / "labels.png")


def test_no_program_is_started_for_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow starts Ghostscript for PostScript, whatever the file is called."""
    path = tmp_path / "picture.png"
    header = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    path.write_bytes(header + b"showpage\n%%EOF\n")
    with Image.open(path) as picture:
        assert picture.format == "EPS"
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program"))
    with pytest.raises(ValueError, match=r"picture\.png cannot be read as one"):
        image_files.read_picture(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("reader", ["read_picture", "read_labels", "read_probabilities"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, reader: str) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(ValueError, match=r"pipe\.tif is a pipe, a socket or a device"):
        getattr(image_files, reader)(tmp_path / "pipe.tif")


OME = """<?xml version="1.0"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
 <Image ID="Image:0"><Pixels DimensionOrder="XYZCT" ID="Pixels:0" Type="uint8"
  SizeX="7" SizeY="9" SizeZ="{planes}" SizeC="1" SizeT="1">
  <TiffData FirstZ="0" IFD="0" PlaneCount="1">
   <UUID FileName="one.ome.tif">urn:uuid:1</UUID></TiffData>
  <TiffData FirstZ="1" IFD="0" PlaneCount="1">
   <UUID FileName="{other}">urn:uuid:2</UUID></TiffData>
 </Pixels></Image></OME>"""


def write_ome(folder: Path, other: str, planes: int = 2) -> Path:
    path = folder / "one.ome.tif"
    description = OME.format(other=other, planes=planes)
    tifffile.imwrite(path, np.full((9, 7), 1, np.uint8), description=description, metadata=None)
    return path


def test_an_image_in_two_files_of_a_folder(tmp_path: Path) -> None:
    path = write_ome(tmp_path, "two.ome.tif")
    with pytest.raises(ValueError, match=r"with two\.ome\.tif, which is no file beside it"):
        image_files.read_picture(path)
    tifffile.imwrite(tmp_path / "two.ome.tif", np.full((9, 7), 2, np.uint8))
    image = image_files.read_picture(path).array
    assert image.shape == (2, 9, 7)
    assert image[0].max() == 1
    assert image[1].min() == 2


@pytest.mark.parametrize(
    "form", ["../secret.tif", "{folder}/secret.tif", "images/../../secret.tif"]
)
def test_a_file_elsewhere_is_not_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "images" / "images").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "secret.tif", np.full((9, 7), 2, np.uint8))
    path = write_ome(tmp_path / "images", form.format(folder=tmp_path))
    with pytest.raises(ValueError, match=r"secret\.tif, which is no file beside it"):
        image_files.read_picture(path)


@pytest.mark.parametrize("change", ['SizeZ="2"', 'PlaneCount="1"', 'FirstZ="1"'])
def test_endless_planes_are_refused(tmp_path: Path, change: str) -> None:
    path = write_ome(tmp_path, "one.ome.tif")
    name = change.partition("=")[0]
    description = OME.format(other="one.ome.tif", planes=2).replace(change, f'{name}="{10**10}"')
    tifffile.imwrite(path, np.ones((9, 7), np.uint8), description=description, metadata=None)
    with pytest.raises(ValueError, match=r"one\.ome\.tif cannot be read as one"):
        image_files.read_picture(path)


@pytest.mark.parametrize("name", ["large.png", "large.tif", "large.ppm"])
def test_pixels_that_are_not_there_are_not_allocated(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "large.tif":
        tifffile.imwrite(path, np.ones((9, 7), np.uint8), rowsperstrip=9)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[0].tags["ImageWidth"].overwrite(30_000)
            file.pages[0].tags["ImageLength"].overwrite(30_000)
    elif name == "large.png":
        header = b"IHDR" + struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    else:
        path.write_bytes(b"P6 12000 12000 255\n")
    tracemalloc.start()
    try:
        with (
            warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning),
            pytest.raises(ValueError, match="cannot be read as one"),
        ):
            image_files.read_picture(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20


def test_class_values_that_are_none(tmp_path: Path) -> None:
    values = np.full((2, 9, 7), 0.5, np.float32)
    for noted in ([1, 2.5], ["a", "b"], [1, 2**63], [[1], [2]]):
        metadata = {"class_values": noted}
        tifffile.imwrite(tmp_path / "p.tif", values, photometric="minisblack", metadata=metadata)
        with pytest.raises(ValueError, match=r"p\.tif are not whole numbers below 2\^63"):
            image_files.read_probabilities(tmp_path / "p.tif")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gray_labels_may_be_stored_as_colour(tmp_path: Path, mode: str) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(labels).convert(mode).save(tmp_path / "labels.png")
    np.testing.assert_array_equal(image_files.read_labels(tmp_path / "labels.png"), labels)


def test_what_cannot_be_labels_is_refused(tmp_path: Path, tiny_image: np.ndarray) -> None:
    Image.fromarray(tiny_image).save(tmp_path / "colour.png")
    with pytest.raises(ValueError, match=r"colour\.png is a colour image"):
        image_files.read_labels(tmp_path / "colour.png")
    Image.fromarray(tiny_image[..., 0]).save(tmp_path / "lossy.jpg")
    with pytest.raises(ValueError, match=r"lossy\.jpg is a JPEG"):
        image_files.read_labels(tmp_path / "lossy.jpg")
    with pytest.raises(ValueError, match="is a folder"):
        image_files.read_labels(tmp_path)
    with pytest.raises(ValueError, match="there is no file"):
        image_files.read_labels(tmp_path / "none.tif")


def test_a_label_image_is_no_probabilities(tmp_path: Path) -> None:
    image_files.write_labels(tmp_path / "l.tif", np.zeros((9, 7), np.int32))
    with pytest.raises(ValueError, match=r"has the shape \(9, 7\)"):
        image_files.read_probabilities(tmp_path / "l.tif")


@pytest.mark.parametrize(("axes", "classes"), [("tzyx", 2), ("zyx", 3), ("yx", 2)])
def test_axes_and_the_size_of_pixels_are_kept(tmp_path: Path, axes: str, classes: int) -> None:
    """In what tifffile, which is not ours, tells of them; and all of them in our own reader."""
    sizes = {"t": (30.0, "second"), "z": (2e-6, "meter"), "y": (2.5e-7, "meter")}
    sizes["x"] = (4e-9, "meter")
    spacing, units = zip(*(sizes[axis] for axis in axes), strict=True)
    shape = tuple(range(2, 2 + len(axes)))
    place = Place(np.diag([*spacing, 1.0]), units)
    of = Picture(np.zeros(shape, np.uint8), axes, place=place)
    image_files.write_labels(tmp_path / "l.tif", np.ones(shape, np.uint8), of=of)
    image_files.write_probabilities(
        tmp_path / "p.tif",
        np.full((classes, *shape), 0.5, np.float32),
        tuple(range(classes)),
        of=of,
    )
    for name, before in (("l.tif", ""), ("p.tif", "C")):
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.series[0].axes == before + axes.upper()
            per_centimeter = file.pages.first.resolution
            assert per_centimeter == pytest.approx((2.5e6, 4e4))
            assert file.pages.first.resolutionunit == tifffile.RESUNIT.CENTIMETER
        read = image_files.read_picture(tmp_path / name)
        assert read.place.spacing == pytest.approx(spacing)
        assert read.place.units == units
    guessed = replace(of, guessed=True, place=Place.of_pixels(len(axes)))
    image_files.write_labels(tmp_path / "g.tif", np.ones(shape, np.uint8), of=guessed)
    assert image_files.read_picture(tmp_path / "g.tif").guessed is (len(axes) > 2)

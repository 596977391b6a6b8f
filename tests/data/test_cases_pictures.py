"""PNG, JPEG and other pictures as people have them, with the right pixels of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from napari_fcn_crf.data.image_files import read_labels, read_picture

GENERATOR = np.random.default_rng(0)
GRAY = GENERATOR.integers(0, 256, (40, 50), np.uint8)
DEEP = GENERATOR.integers(900, 1400, (40, 50, 4), np.uint16)
SMOOTH = (np.add.outer(np.arange(40), np.arange(50))[..., np.newaxis] * (1, 2, 1)).astype(np.uint8)
COLOURS = GENERATOR.integers(0, 256, (40, 50, 3), np.uint8)


@pytest.mark.parametrize(
    ("samples", "channels", "alpha"), [(1, 1, False), (2, 1, True), (3, 3, False), (4, 3, True)]
)
def test_png_of_sixteen_bits(tmp_path: Path, samples: int, channels: int, alpha: bool) -> None:
    stored = np.ascontiguousarray(DEEP[..., 0] if samples == 1 else DEEP[..., :samples])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored))
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.array, stored)
    assert picture.array.dtype == np.uint16
    assert (picture.channels, picture.alpha) == (channels, alpha)


@pytest.mark.parametrize(
    ("mode", "axes", "channels"),
    [("L", "yx", 1), ("LA", "yxc", 1), ("RGB", "yxc", 3), ("RGBA", "yxc", 3), ("1", "yx", 1)],
)
def test_png_of_eight_bits(tmp_path: Path, mode: str, axes: str, channels: int) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(GRAY))
    image.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert (picture.axes, picture.channels) == (axes, channels)
    stored = np.asarray(image)
    stored = stored if stored.ndim == 2 else stored[..., :channels]
    np.testing.assert_array_equal(picture.channels_last().squeeze(), stored.squeeze())


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(SMOOTH).quantize(16)
    image.save(tmp_path / "a.png", transparency=3)
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.array, np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), np.asarray(image))


@pytest.mark.parametrize("said", ["png", "tif", "TIF", "jpg"])
def test_a_png_by_any_name(tmp_path: Path, said: str) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "one.png")
    (tmp_path / "one.png").rename(tmp_path / f"Two (2) ü.{said}")
    picture = read_picture(tmp_path / f"Two (2) ü.{said}")
    np.testing.assert_array_equal(picture.array, COLOURS)


def cmyk_jpeg(adobe: bool) -> bytes:
    """Write a JPEG of inks, either as Adobe does or without its mark and not inverted."""
    import io

    inks = np.asarray(Image.fromarray(SMOOTH).convert("CMYK"))
    file = io.BytesIO()
    # Pillow inverts what it writes, as Adobe does.
    stored = inks if adobe else 255 - inks
    Image.frombytes("CMYK", (50, 40), stored.tobytes()).save(file, "JPEG", quality=95)
    content = file.getvalue()
    if adobe:
        return content
    start = content.index(b"Adobe") - 4
    length = int.from_bytes(content[start + 2 : start + 4], "big")
    return content[:start] + content[start + 2 + length :]


@pytest.mark.parametrize("adobe", [True, False])
def test_inks_are_converted(tmp_path: Path, adobe: bool) -> None:
    (tmp_path / "a.jpg").write_bytes(cmyk_jpeg(adobe))
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.channels == 3
    assert np.abs(picture.array.astype(int) - SMOOTH).mean() < 4


def test_a_scan_in_black_ink_is_not_empty(tmp_path: Path) -> None:
    inks = np.zeros((40, 50, 4), np.uint8)
    inks[..., 3] = SMOOTH[..., 1]
    Image.frombytes("CMYK", (50, 40), inks.tobytes()).save(tmp_path / "a.jpg", quality=95)
    picture = read_picture(tmp_path / "a.jpg")
    shown = 255 - SMOOTH[..., [1, 1, 1]].astype(int)
    assert np.abs(picture.array.astype(int) - shown).mean() < 4


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_only_if_asked(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    path = tmp_path / f"photo.{suffix}"
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, Any] = {"jpg": {"quality": 95}, "webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(SMOOTH).save(path, exif=exif, **options)
    with Image.open(path) as image:
        raw, upright = np.asarray(image), np.asarray(ImageOps.exif_transpose(image))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.array, raw)
    assert picture.orientation == orientation
    if orientation == 1:
        assert picture.notes == ()
    else:
        (note,) = picture.notes
        assert f"photo.{suffix}" in note
        assert f"EXIF orientation {orientation}" in note
    turned = read_picture(path, exif=True)
    np.testing.assert_array_equal(turned.array, upright)
    assert (turned.notes, turned.orientation) == ((), 1)


def test_damaged_exif_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x00")
    assert read_picture(tmp_path / "a.jpg").orientation == 1


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_frames_of_an_animation(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film.{suffix}"
    shown = [SMOOTH // divisor for divisor in (1, 2, 5)]
    frames = [Image.fromarray(frame) for frame in shown]
    if suffix == "gif":
        frames = [frame.quantize(256) for frame in frames]
        shown = [np.asarray(frame.convert("RGB")) for frame in frames]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    picture = read_picture(path)
    assert (picture.axes, picture.channels) == ("tyxc", 3)
    np.testing.assert_array_equal(picture.channels_last(), shown)


def test_frames_of_sixteen_bits(tmp_path: Path) -> None:
    stored = np.stack([DEEP[..., :3], DEEP[..., 1:]])
    (tmp_path / "film.png").write_bytes(imagecodecs.apng_encode(stored))
    picture = read_picture(tmp_path / "film.png")
    assert picture.axes == "tyxc"
    np.testing.assert_array_equal(picture.array, stored)


def test_a_picture_with_a_second_one_behind(tmp_path: Path) -> None:
    """As telephones have a depth or a second exposure behind a photograph."""
    frames = [Image.fromarray(SMOOTH), Image.fromarray(SMOOTH[::2, ::2])]
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:], quality=95)
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.axes == "yxc"
    assert np.abs(picture.array.astype(int) - SMOOTH).mean() < 4
    assert picture.notes == ("a.jpg: it holds 2 pictures, of which the first is read.",)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("most", [7, 255, 1023, 65535])
def test_pnm_of_any_maximum(tmp_path: Path, samples: int, plain: bool, most: int) -> None:
    numbers = GENERATOR.integers(0, most + 1, (40, 50, samples))
    form = {(1, True): 2, (3, True): 3, (1, False): 5, (3, False): 6}[samples, plain]
    header = f"P{form}\n# a comment 1 2 3\n50 40\n{most}\n".encode()
    if plain:
        content = " ".join(map(str, numbers.ravel())).encode()
    else:
        content = numbers.astype(">u2" if most > 255 else "u1").tobytes()
    (tmp_path / "a.pnm").write_bytes(header + content)
    stored = numbers.squeeze()
    if samples == 1:
        np.testing.assert_array_equal(read_labels(tmp_path / "a.pnm"), stored)
    picture = read_picture(tmp_path / "a.pnm")
    # As bright as it looks.
    shown = np.rint(stored * (255 / 7)) if most == 7 else stored
    assert np.abs(picture.array - shown).max() <= (most == 7)
    assert picture.axes == ("yx" if samples == 1 else "yxc")


@pytest.mark.parametrize("samples", [1, 3])
def test_jpeg_2000_of_sixteen_bits(tmp_path: Path, samples: int) -> None:
    stored = np.ascontiguousarray(DEEP[..., :samples].squeeze())
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(stored, level=0))
    picture = read_picture(tmp_path / "a.jp2")
    np.testing.assert_array_equal(picture.array, stored)
    assert picture.array.dtype == np.uint16


def test_bmp_of_four_bytes(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS)
    image.putalpha(Image.fromarray(GRAY))
    image.save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.bmp").channels_last(), COLOURS)


def test_too_many_pixels_are_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    assert read_picture(tmp_path / "a.png").array.shape == (40, 50, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(ValueError, match=r"a\.png has more pixels .*Convert it to TIFF"):
        read_picture(tmp_path / "a.png")

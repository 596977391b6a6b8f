"""Image files may not ask for many times their size, whatever is in them."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.reading import tiff_directory
from napari_fcn_crf.data.reading.limits import check_pages
from napari_fcn_crf.input_error import InputError


def picture(form: str) -> bytes:
    """Return a genuine small picture."""
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, form)
    return file.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Return a chunk of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def jpeg(segment: bytes) -> bytes:
    """Return a picture with a hundred thousand segments."""
    content = picture("JPEG")
    return content[:2] + segment * 100_000 + content[2:]


def png(extra: bytes, before: bytes) -> bytes:
    """Return a picture with fifty thousand chunks before another one."""
    content = picture("PNG")
    at = content.index(before) - 4
    return content[:at] + extra * 50_000 + content[at:]


def gif() -> bytes:
    """Return a picture with a hundred thousand comments."""
    content = picture("GIF")
    at = content.index(b",")
    return content[:at] + b"\x21\xfe\x01a\x00" * 100_000 + content[at:]


Tag = tuple[int, int, int, int | None]
PLAIN: list[Tag] = [
    *((256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
    *((273, 4, 1, 8), (279, 4, 1, 256)),
]


def tiff(tags: list[Tag], content: bytes = b"", n_pages: int = 1) -> bytes:
    """Return a TIFF file whose pages have the same tags; a tag of None is of the content."""
    by_code = {tag[0]: tag for tag in [*PLAIN, *tags]}
    size = 2 + 12 * len(by_code) + 4
    start = 8 + size * n_pages
    entries = b"".join(
        struct.pack("<HHLL", code, kind, count, start if value is None else value)
        for code, kind, count, value in sorted(by_code.values())
    )
    pages = [
        struct.pack("<H", len(by_code)) + entries + struct.pack("<L", 8 + size * (page + 1))
        for page in range(n_pages)
    ]
    pages[-1] = pages[-1][:-4] + bytes(4)
    return b"II*\0" + struct.pack("<L", 8) + b"".join(pages) + (content or bytes(256))


def codestream() -> bytes:
    """Return a TIFF file with a tile in JPEG 2000 that says to be a million columns wide."""
    tiled = io.BytesIO()
    tifffile.imwrite(
        tiled, np.zeros((32, 32, 3), np.uint8), tile=(16, 16), compression="jpeg2000", photometric=2
    )
    content = bytearray(tiled.getvalue())
    at = content.rindex(b"\xff\x4f\xff\x51") + 8
    struct.pack_into(">I", content, at, 10**6)
    return bytes(content)


def described(text: bytes) -> bytes:
    """Return a TIFF file with a description."""
    return tiff([(270, 2, len(text), None)], text)


NUMBERS = b"\x01\0\0\0" * 500_000
STRIPS: list[Tag] = [
    *((256, 4, 1, 1), (257, 4, 1, 500_000), (278, 4, 1, 1)),
    *((273, 4, 500_000, None), (279, 4, 500_000, None)),
]
FILES: dict[str, Callable[[], bytes]] = {
    "segments.jpg": lambda: jpeg(b"\xff\xef\0\x02"),
    "comments.jpg": lambda: jpeg(b"\xff\xfe\0\x02"),
    "comments.gif": gif,
    "chunks.png": lambda: png(chunk(b"prVt"), b"IDAT"),
    "texts.png": lambda: png(chunk(b"tEXt", b"a\0"), b"IDAT"),
    "comment.ppm": lambda: b"P6 #" + b"a" * 100_000 + b"\n1 1 255\n111",
    "pages.tif": lambda: tiff([], n_pages=10_001),
    "strips.tif": lambda: tiff(STRIPS, NUMBERS, 10),
    "bits.tif": lambda: tiff([(258, 3, 10**6, None)], NUMBERS, 10),
    "descriptions.tif": lambda: tiff([(270, 2, 10**6, None)], b"a" * 10**6, 100),
    "ome.tif": lambda: described(b"<?xml version='1.0'?><OME>" + b"<a/>" * 1_600_000 + b"</OME>"),
    "attributes.tif": lambda: described(
        b"<?xml version='1.0'?><OME><a "
        + b" ".join(b"a%x=''" % number for number in range(1_600_000))
        + b"/></OME>"
    ),
    "shaped.tif": lambda: described(b'{"shape": [16, 16], "x": [' + b"[]," * 1_600_000 + b"0]}"),
    "imagej.tif": lambda: described(b"ImageJ=1.11a\n" + b"a=1\n" * 1_600_000),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_more_than_an_image_has_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A million take half a minute.
    monkeypatch.setattr(tiff_directory, "_MOST_PAGES", 10_000)
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"Expected an image, but {name} cannot be read"):
            image_files.read_picture(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The pages' positions, or a text and a copy of it.
    assert peak < 128 * 2**20


def test_what_stands_behind_an_image_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "chunks behind.png"
    path.write_bytes(png(chunk(b"prVt"), b"IEND"))
    tracemalloc.start()
    try:
        assert image_files.read_picture(path).array.shape == (16, 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 128 * 2**20


def test_images_beyond_the_free_memory_are_refused_with_what_they_take(tmp_path: Path) -> None:
    """A stack of blank planes compresses so well; here they are even the same bytes."""
    side = 10_000
    n_pages = 2 * psutil.virtual_memory().total // side**2
    plane = zlib.compress(bytes(side**2))
    start = 8 + (2 + 12 * len(PLAIN) + 4 + 12) * n_pages
    tags: list[Tag] = [
        *((256, 4, 1, side), (257, 4, 1, side), (259, 3, 1, 8), (278, 4, 1, side)),
        *((273, 4, 1, start), (279, 4, 1, len(plane))),
    ]
    path = tmp_path / "blank.tif"
    path.write_bytes(tiff(tags, plane, n_pages))
    with path.open("r+b") as file:
        # Of genuine planes, each would have its own bytes.
        file.truncate(n_pages * len(plane))
    with tifffile.TiffFile(path) as file:
        assert file.series[0].shape == (n_pages, side, side)
        np.testing.assert_array_equal(file.pages[n_pages - 1].asarray()[::1000], 0)
    with pytest.raises(ValueError, match=r"blank\.tif needs \d+\.\d GB .* GB are free\. Close"):
        image_files.read_picture(path)


def test_a_tile_may_not_be_larger_than_its_page_says(tmp_path: Path) -> None:
    path = tmp_path / "codestream.tif"
    path.write_bytes(codestream())
    with (
        tifffile.TiffFile(path) as file,
        pytest.raises(InputError, match="a codestream larger than its tile"),
    ):
        check_pages(path, file.pages, 3072)
    with pytest.raises(ValueError, match=r"codestream\.tif cannot be read"):
        image_files.read_picture(path)


def test_a_palette_is_looked_up_within_little_more_than_its_colours(tmp_path: Path) -> None:
    numbers = np.arange(4000 * 5000, dtype=np.uint8).reshape(4000, 5000)
    palette = np.random.default_rng(0).integers(0, 256, (3, 256), np.uint8)
    path = tmp_path / "palette.tif"
    tifffile.imwrite(path, numbers, photometric="palette", colormap=palette.astype(np.uint16) * 256)
    tracemalloc.start()
    try:
        found = image_files.read_picture(path).array
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found[::999, ::999], palette.T[numbers[::999, ::999]])
    assert peak < 6 * numbers.nbytes


def test_what_is_large_and_genuine_is_read(tmp_path: Path) -> None:
    """Many pages and strips, a long description, runs of a BMP that are read byte by byte."""
    stack = np.random.default_rng(0).integers(0, 255, (3000, 64, 8), np.uint8)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, rowsperstrip=1, ome=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(image_files.read_picture(path).array, stack)
    tifffile.imwrite(path, stack, rowsperstrip=1, bigtiff=True, byteorder=">", photometric=1)
    np.testing.assert_array_equal(image_files.read_picture(path).array, stack)

    rows, columns = 400, 401
    runs = bytes([1, 7]) * columns + b"\0\0"
    pixels = runs * rows + b"\0\1"
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    offset = 14 + 40 + len(palette)
    header = struct.pack("<2sLHHL", b"BM", offset + len(pixels), 0, 0, offset)
    header += struct.pack("<LllHHLLllLL", 40, columns, rows, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    path = tmp_path / "runs.bmp"
    path.write_bytes(header + palette + pixels)
    image = image_files.read_picture(path).array
    assert image.shape[:2] == (rows, columns)
    assert (image == 7).all()


@pytest.mark.parametrize("is_big", [False, True])
def test_pages_in_a_circle_are_not_followed(tmp_path: Path, is_big: bool) -> None:
    path = tmp_path / "circle.tif"
    tifffile.imwrite(path, np.zeros((40, 50), np.uint8), bigtiff=is_big)
    content = bytearray(path.read_bytes())
    first, n_tags, entry, offset = (8, "<Q", 20, "<Q") if is_big else (4, "<H", 12, "<L")
    (start,) = struct.unpack_from(offset, content, first)
    (count,) = struct.unpack_from(n_tags, content, start)
    struct.pack_into(offset, content, start + struct.calcsize(n_tags) + entry * count, start)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"circle\.tif cannot be read"):
        image_files.read_picture(path)

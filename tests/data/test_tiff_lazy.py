"""TIFF images larger than memory: the same pixels as read whole, of which only parts are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_fcn_crf.data.image_files import open_large_tiff, read_picture
from napari_fcn_crf.data.reading import tiff_lazy
from napari_fcn_crf.data.reading.tiff_lazy import is_large_tiff

RGB = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
STACK = np.random.default_rng(1).integers(0, 6000, (3, 50, 70), np.uint16)


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, subifds=1, tile=(32, 32), photometric="rgb")
        file.write(RGB[::2, ::2], subfiletype=1, tile=(32, 32), photometric="rgb")


WAYS = {
    "tiles": lambda path: tifffile.imwrite(path, RGB, tile=(32, 32), compression="zlib"),
    "strips": lambda path: tifffile.imwrite(path, RGB, rowsperstrip=8, compression="zlib"),
    "in one piece": lambda path: tifffile.imwrite(path, RGB),
    "imagej, big-endian": lambda path: tifffile.imwrite(
        path,
        STACK,
        imagej=True,
        byteorder=">",
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
    ),
    "planes of colours": lambda path: tifffile.imwrite(
        path, np.moveaxis(RGB, -1, 0), planarconfig="separate", photometric="rgb"
    ),
    "transparency": lambda path: tifffile.imwrite(
        path,
        np.dstack([RGB, RGB[..., :1]]),
        photometric="rgb",
        extrasamples=["unassalpha"],
        tile=(32, 32),
    ),
    "levels": _pyramid,
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_picture_that_is_read_whole(way: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif" if way == "levels" else tmp_path / "a.tif"
    WAYS[way](path)
    lazy, whole = open_large_tiff(path), read_picture(path)
    assert (lazy.axes, lazy.alpha, lazy.guessed) == (whole.axes, whole.alpha, whole.guessed)
    assert (lazy.place.units, lazy.array.dtype) == (whole.place.units, whole.array.dtype)
    np.testing.assert_allclose(lazy.place.matrix, whole.place.matrix)
    part = (slice(1, 40),) * lazy.array.ndim
    np.testing.assert_array_equal(lazy.array[part], whole.array[part])
    with pytest.raises(ValueError, match="too much to be read whole"):
        lazy.channels_last()


def test_what_is_not_stored_as_it_looks_or_in_one_compressed_piece_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    palette = np.zeros((3, 256), np.uint16)
    palette[0] = np.arange(256)
    tifffile.imwrite(tmp_path / "p.tif", RGB[..., 0], photometric="palette", colormap=palette)
    with pytest.raises(ValueError, match=r"p\.tif is too large .* its pixels are numbers of a pal"):
        open_large_tiff(tmp_path / "p.tif")
    tifffile.imwrite(tmp_path / "z.tif", RGB, rowsperstrip=90, compression="zlib")
    monkeypatch.setattr(tiff_lazy, "_MOST_AT_ONCE", RGB.nbytes - 1)
    with pytest.raises(ValueError, match=r"z\.tif is too large .* stored in one piece"):
        open_large_tiff(tmp_path / "z.tif")


def test_what_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB)
    (tmp_path / "b.tif").write_bytes(b"II*\0 and no more")
    (tmp_path / "c.png").write_bytes(b"no TIFF")
    assert not is_large_tiff(tmp_path / "a.tif")
    monkeypatch.setattr(tiff_lazy, "_LOOKED_AT_BYTES", 0)
    assert not is_large_tiff(tmp_path / "a.tif")
    monkeypatch.setattr(tiff_lazy, "LARGE_BYTES", RGB.nbytes - 1)
    assert is_large_tiff(tmp_path / "a.tif")
    assert not any(is_large_tiff(tmp_path / name) for name in ("b.tif", "c.png", "d.tif"))

"""What a file says of an image that another program has read from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data.source_file import source_file


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("axes", "shape", "options", "read_as", "said"),
    [
        ("ZCYX", (3, 2, 40, 50), {"imagej": True}, (3, 2, 40, 50), "zcyx"),
        ("ZCYX", (3, 2, 40, 50), {"imagej": True}, (3, 40, 50), "zyx"),
        ("TZCYX", (2, 3, 4, 40, 50), {"ome": True}, (2, 3, 4, 40, 50), "tzcyx"),
        ("CTZYX", (2, 3, 4, 40, 50), {"ome": True}, (2, 3, 4, 40, 50), "ctzyx"),
        ("TCYX", (1, 3, 40, 50), {"ome": True}, (3, 40, 50), "cyx"),
        ("YXS", (40, 50, 3), {"photometric": "rgb"}, (40, 50, 3), "yxc"),
        ("ZYX", (3, 40, 50), {"ome": True}, (3, 40, 40), ""),
        (None, (3, 40, 50), {"photometric": "minisblack"}, (3, 40, 50), ""),
    ],
)
def test_axes(
    tmp_path: Path,
    axes: str | None,
    shape: tuple[int, ...],
    options: dict[str, Any],
    read_as: tuple[int, ...],
    said: str,
) -> None:
    metadata = {} if axes is None else {"axes": axes}
    tifffile.imwrite(tmp_path / "a.tif", zeros(*shape), metadata=metadata, **options)
    found = source_file(str(tmp_path / "a.tif"))
    assert found is not None
    assert found.axes_of(read_as) == said


def test_what_is_shown_otherwise_than_it_is_meant(tmp_path: Path) -> None:
    def said(name: str, shape: tuple[int, ...], bits: int = 8) -> str:
        found = source_file(str(tmp_path / name))
        assert found is not None
        return " ".join(found.differences(shape, bits))

    tifffile.imwrite(tmp_path / "white.tif", zeros(40, 50), photometric="miniswhite")
    assert "gray of which 0 is white" in said("white.tif", (40, 50))
    tifffile.imwrite(tmp_path / "inks.tif", zeros(40, 50, 4), photometric="separated")
    Image.fromarray(zeros(40, 50, 4), "CMYK").save(tmp_path / "inks.jpg")
    for name in ("inks.tif", "inks.jpg"):
        assert "inks (CMYK)" in said(name, (40, 50, 4))
        assert said(name, (40, 50)) == "", "of what is not the file's array, nothing is known"
    colours = np.stack([np.arange(256) * 257] * 3).astype(np.uint16)
    tifffile.imwrite(tmp_path / "scale.tif", zeros(40, 50), imagej=True, colormap=colours)
    tifffile.imwrite(tmp_path / "palette.tif", zeros(40, 50), colormap=colours[:, ::-1])
    assert said("scale.tif", (40, 50)) == ""
    assert "numbers of a palette" in said("palette.tif", (40, 50))
    with tifffile.TiffWriter(tmp_path / "several.tif") as file:
        file.write(zeros(10, 12), photometric="minisblack")
        file.write(zeros(40, 50), photometric="minisblack")
    assert "The first of 2 images" in said("several.tif", (10, 12))
    tifffile.imwrite(tmp_path / "bits.tif", zeros(40, 50) > 0)
    assert said("bits.tif", (40, 50)) == ""


def test_transparency(tmp_path: Path) -> None:
    for name, extra, is_alpha in (("a", "unassalpha", True), ("b", "unspecified", False)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, zeros(40, 50, 4), photometric="rgb", extrasamples=[extra])
        found = source_file(str(path))
        assert found is not None
        assert found.is_alpha_last((40, 50, 4)) is is_alpha
        assert found.is_alpha_last((40, 50)) is None


def test_what_is_no_image_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"x" * 50)
    (tmp_path / "a.png").write_bytes(b"none")
    for path in (None, "", str(tmp_path), "https://example.org/a.tif", str(tmp_path / "none.tif")):
        assert source_file(path) is None
    for name in ("a.tif", "a.png"):
        assert source_file(str(tmp_path / name)) is None

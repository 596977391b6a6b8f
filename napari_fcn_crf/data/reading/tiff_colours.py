"""Colours as a TIFF file shows them: palettes, inks, luminance and chroma, inverted gray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.reading.raster import ToldError

Array = npt.NDArray[Any]

_MINISWHITE, _PALETTE, _INKS, _YCBCR, _CIELAB, _ICCLAB = 0, 3, 5, 6, 8, 9
_OLD_JPEG, _JPEG = 6, 7
_ALPHAS = (1, 2)
_CMYK = 1
_UNEVEN = 1.0
_LINES = 1 << 9
"""At once, since conversions are done in floating point."""

_LOOKED_UP_AT_ONCE = 1 << 20
"""Numbers of a palette: as an index, each takes eight bytes."""

_WHITE = np.array([0.95047, 1.0, 1.08883])
_RGB_OF_XYZ = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
"""sRGB's, IEC 61966-2-1."""


def as_shown(array: Array, axes: str, page: Any, pages: list[Any]) -> tuple[Array, str]:
    """Return an image as a viewer of its file shows it.

    Parameters
    ----------
    array, axes
        As tifffile gives them; S are samples.
    page : tifffile.TiffPage
        The first one.
    pages : list of tifffile.TiffPage
        All of them, each of which may have a palette of its own.
    """
    if page.photometric == _MINISWHITE:
        return inverted(array, page), axes
    if page.photometric == _PALETTE:
        return _palette_colours(array, axes, page, pages)
    if "S" not in axes:
        return array, axes
    converted = _converter(page)
    if converted is None:
        return array, axes
    at = axes.index("S")
    pixels = np.moveaxis(array, at, -1)
    n_colours = 4 if page.photometric == _INKS else 3
    if pixels.shape[-1] < n_colours:
        return array, axes
    # The samples behind the colours are transparency and the like.
    rows = pixels.reshape(-1, *pixels.shape[-2:])
    colours = [
        converted(rows[at : at + _LINES, :, :n_colours]) for at in range(0, len(rows), _LINES)
    ]
    rgb = np.concatenate(colours).reshape(*pixels.shape[:-1], 3)
    others = pixels[..., n_colours:]
    if others.shape[-1]:
        rgb = np.concatenate([rgb, others.astype(rgb.dtype)], axis=-1)
    return np.moveaxis(rgb, -1, at), axes


def inverted(array: Array, page: Any) -> Array:
    """Return gray values of which 0 was white."""
    if array.dtype.kind == "b":
        return ~array
    if array.dtype.kind != "u":
        return array
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    most = array.dtype.type(2 ** min(bits, 8 * array.dtype.itemsize) - 1)
    opposite: Array = most - array
    return opposite


def without_transparency(array: Array, axes: str, page: Any) -> tuple[Array, bool]:
    """Return an image without what is said to be transparency, or whether the last channel is."""
    if last_is_transparency(axes, array.shape, page):
        return array, True
    alphas = _alphas(axes, array.shape, page)
    return (np.delete(array, alphas, axis=axes.index("S")) if alphas else array), False


def last_is_transparency(axes: str, shape: tuple[int, ...], page: Any) -> bool:
    """Return whether a page says that its last sample, and no other, is transparency."""
    count = shape[axes.index("S")] if "S" in axes else 0
    return count > 1 and _alphas(axes, shape, page) == [count - 1]


def _alphas(axes: str, shape: tuple[int, ...], page: Any) -> list[int]:
    """Return which samples are said to be transparency."""
    if "S" not in axes:
        return []
    extra = [int(one) for one in page.extrasamples]
    first = shape[axes.index("S")] - len(extra)
    alphas = [first + index for index, one in enumerate(extra) if one in _ALPHAS]
    return [alpha for alpha in alphas if alpha >= 0]


def stored_as(page: Any, dtype: np.dtype[Any]) -> str:
    """Return what a page's numbers are, if they are not how bright it looks; else nothing."""
    is_count = dtype.kind in "bu"
    if page.photometric == _MINISWHITE and is_count:
        return "gray of which 0 is white"
    if page.photometric == _PALETTE and is_count and _palette(page) is not None:
        return "numbers of a palette"
    if page.photometric == _YCBCR and page.compression not in (_OLD_JPEG, _JPEG):
        return "luminance and chroma (YCbCr)"
    names = {_INKS: "inks (CMYK)", _CIELAB: "CIE L*a*b* colours", _ICCLAB: "CIE L*a*b* colours"}
    return names.get(page.photometric, "")


def is_scale_of_intensities(page: Any) -> bool:
    """Return whether a page's palette shows larger numbers brighter, as ImageJ's tables do."""
    palette = _palette(page)
    if palette is None:
        return False
    luminance = palette @ np.array([0.299, 0.587, 0.114])
    return bool((np.diff(luminance) >= -_UNEVEN).all() and luminance[-1] > luminance[0])


def _palette_colours(array: Array, axes: str, page: Any, pages: list[Any]) -> tuple[Array, str]:
    if "S" in axes:
        # Transparency beside the palette's numbers.
        array = np.take(array, 0, axis=axes.index("S"))
        axes = axes.replace("S", "")
    palettes = [_palette(one) for one in pages]
    if array.dtype.kind not in "bu" or palettes[0] is None:
        return array, axes
    if all(other is None or np.array_equal(palettes[0], other) for other in palettes[1:]):
        colours = _looked_up(palettes[0], array)
    else:
        planes = array.reshape(len(palettes), -1)
        found = [
            _looked_up(palettes[0] if palette is None else palette, plane)
            for palette, plane in zip(palettes, planes, strict=True)
        ]
        colours = np.stack(found).reshape(*array.shape, 3)
    return colours, axes + "S"


def _palette(page: Any) -> npt.NDArray[np.uint8] | None:
    """Return a page's colours `(n, 3)`, if it has any."""
    table = None if page is None else getattr(page, "colormap", None)
    if table is None:
        return None
    # Of sixteen bits, but some writers know of eight.
    table = table >> 8 if table.max(initial=0) > 255 else table
    return np.ascontiguousarray(table.T.astype(np.uint8))


def _looked_up(palette: npt.NDArray[np.uint8], numbers: Array) -> Array:
    found = np.empty((*numbers.shape, 3), np.uint8)
    flat, colours = numbers.reshape(-1), found.reshape(-1, 3)
    for start in range(0, flat.size, _LOOKED_UP_AT_ONCE):
        part = slice(start, start + _LOOKED_UP_AT_ONCE)
        colours[part] = palette[np.minimum(flat[part], len(palette) - 1).astype(np.intp)]
    return found


def _converter(page: Any) -> Callable[[Array], Array] | None:
    if page.photometric == _INKS and page.tags.valueof(332, default=_CMYK) == _CMYK:
        return rgb_of_inks
    if page.photometric in (_CIELAB, _ICCLAB):
        return lambda pixels: _rgb_of_lab(pixels, signed=page.photometric == _CIELAB)
    # What decodes JPEG has made red, green and blue of it.
    if page.photometric == _YCBCR and page.compression not in (_OLD_JPEG, _JPEG):
        if page.is_subsampled:
            raise ToldError("chroma")
        weights = _floats(page.tags.valueof(529), 3) or (0.299, 0.587, 0.114)
        return lambda pixels: _rgb_of_chroma(pixels, weights)
    return None


def rgb_of_inks(cmyk: Array) -> Array:
    """Return red, green and blue of cyan, magenta, yellow and black `(..., 4)`, 0 without ink."""
    full = 1.0 if cmyk.dtype.kind == "f" else float(np.iinfo(cmyk.dtype).max)
    light = 1 - cmyk.astype(np.float32) / full
    rgb = light[..., :3] * light[..., 3:] * full
    converted: Array = (rgb if cmyk.dtype.kind == "f" else np.rint(rgb)).astype(cmyk.dtype)
    return converted


def _rgb_of_chroma(ycbcr: Array, weights: tuple[float, ...]) -> Array:
    """Return red, green and blue of luminance and two differences, as CCIR 601 defines them."""
    full = 255.0 if ycbcr.dtype.itemsize == 1 else 65535.0
    values = ycbcr.astype(np.float32)
    middle = (full + 1) / 2
    luminance, blue, red = values[..., 0], values[..., 1] - middle, values[..., 2] - middle
    of_red, of_green, of_blue = weights
    r = luminance + red * (2 - 2 * of_red)
    b = luminance + blue * (2 - 2 * of_blue)
    g = (luminance - of_blue * b - of_red * r) / of_green
    rgb = np.stack([r, g, b], axis=-1)
    converted: Array = np.clip(np.rint(rgb), 0, full).astype(ycbcr.dtype)
    return converted


def _rgb_of_lab(lab: Array, *, signed: bool) -> Array:
    """Return red, green and blue, as a screen has them (sRGB), of CIE L*a*b*."""
    bits = 8 * lab.dtype.itemsize
    full = 2.0**bits - 1
    values = lab.astype(np.float32)
    a_and_b = values[..., 1:] / 2.0 ** (bits - 8)
    # Signed numbers in unsigned samples, or with 128 added.
    a_and_b = np.where(a_and_b >= 128, a_and_b - 256, a_and_b) if signed else a_and_b - 128
    y = (values[..., 0] * (100 / full) + 16) / 116
    f = np.stack([y + a_and_b[..., 0] / 500, y, y - a_and_b[..., 1] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 16 / 116) * 3 * (6 / 29) ** 2) * _WHITE
    linear = np.clip(xyz @ _RGB_OF_XYZ.T, 0, 1)
    rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    converted: Array = np.rint(rgb * full).astype(lab.dtype)
    return converted


def _floats(value: Any, count: int) -> tuple[float, ...] | None:
    """Return rational numbers of a tag, numerator and denominator in turn."""
    if not isinstance(value, tuple) or len(value) != 2 * count or not all(value[1::2]):
        return None
    numbers = tuple(one / other for one, other in zip(value[::2], value[1::2], strict=True))
    return numbers if all(0 < number < 1 for number in numbers) else None

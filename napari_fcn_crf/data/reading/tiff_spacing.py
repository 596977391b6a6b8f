"""The size of a TIFF file's pixels, by what its writer says: OME, ImageJ or the resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

Spacing = dict[str, tuple[float, str]]

_METERS = {
    **dict.fromkeys(("m", "meter", "meters", "metre"), 1.0),
    **dict.fromkeys(("dm", "decimeter"), 1e-1),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 1e-2),
    **dict.fromkeys(("mm", "millimeter", "millimeters"), 1e-3),
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometers"), 1e-6),
    **dict.fromkeys(("nm", "nanometer", "nanometers"), 1e-9),
    **dict.fromkeys(("pm", "picometer"), 1e-12),
    **dict.fromkeys(("å", "angstrom", "angstroms"), 1e-10),
    **dict.fromkeys(("km", "kilometer"), 1e3),
    **dict.fromkeys(("in", "inch", "inches"), 0.0254),
    **dict.fromkeys(("ft", "foot"), 0.3048),
}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("µs", "μs", "us", "microsecond"), 1e-6),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_RESOLUTION_UNITS = {2: 0.0254, 3: 1e-2, 4: 1e-3, 5: 1e-6}
"""TIFF's and DNG's; 1 is none."""

PIXEL_SIZE = "pixel_size"
"""Where this package notes sizes, in metres and seconds, by axis."""

_SCREENS_DPI = (72, 96)
"""What programs write that know nothing of the pixels' size."""


def ome_spacing(xml: str, image: int) -> Spacing:
    """Return the sizes that OME-XML has for one of its images."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    pixels = [one for one in root.iter() if one.tag.rpartition("}")[2] == "Pixels"]
    if image >= len(pixels):
        return {}
    said = pixels[image].attrib
    sizes = {
        axis.lower(): _size(
            said.get(f"PhysicalSize{axis}"), said.get(f"PhysicalSize{axis}Unit", "µm"), _METERS
        )
        for axis in "XYZ"
    }
    increment = said.get("TimeIncrement"), said.get("TimeIncrementUnit", "s")
    return _known(sizes | {"t": _size(*increment, _SECONDS)})


def imagej_spacing(metadata: Mapping[str, Any], page: Any) -> Spacing:
    """Return the sizes that ImageJ has kept: along x and y as pixels per unit."""
    unit = str(metadata.get("unit", "")).replace("\\u00B5", "µ")
    columns, rows = _per_pixel(page)
    return _known(
        {
            "x": _size(columns, unit, _METERS),
            "y": _size(rows, unit, _METERS),
            "z": _size(metadata.get("spacing"), unit, _METERS),
            "t": _size(metadata.get("finterval"), str(metadata.get("tunit", "s")), _SECONDS),
        }
    )


def resolution_spacing(page: Any) -> Spacing:
    """Return the size that the resolution stands for, unless it is that of a screen."""
    columns, rows = _per_pixel(page)
    meters = _RESOLUTION_UNITS.get(page.tags.valueof(296, default=2), 0.0)
    dpi = [0.0254 / (one * meters) for one in (columns, rows) if one * meters > 0]
    if any(math.isclose(one, screen, rel_tol=1e-3) for one in dpi for screen in _SCREENS_DPI):
        return {}
    return _known(
        {"x": _scaled(columns, meters, "meter"), "y": _scaled(rows, meters, "meter")},
    )


def noted_spacing(metadata: Mapping[str, Any]) -> Spacing:
    """Return the sizes that this package has noted in what it has written."""
    noted = metadata.get(PIXEL_SIZE)
    if not isinstance(noted, dict):
        return {}
    pairs = {axis: one for axis, one in noted.items() if isinstance(one, list) and len(one) == 2}
    return _known(
        {
            axis: _scaled(size, 1.0, unit)
            for axis, (size, unit) in pairs.items()
            if unit in ("meter", "second")
        }
    )


def named_size(value: Any, unit: str, axis: str) -> tuple[float, str] | None:
    """Return a size in metres, or in seconds along "t", or None if the unit is not known."""
    return _size(value, unit, _SECONDS if axis == "t" else _METERS)


def _per_pixel(page: Any) -> tuple[float, float]:
    """Return the size of a pixel along x and y, in the resolution's unit; 0 if there is none."""
    sizes = []
    for code in (282, 283):
        count, length = page.tags.valueof(code, default=(0, 0))
        sizes.append(length / count if count else 0.0)
    return sizes[0], sizes[1]


def _size(value: Any, unit: str, units: Mapping[str, float]) -> tuple[float, str] | None:
    factor = units.get(unit.strip().lower(), 0.0)
    return _scaled(value, factor, "second" if units is _SECONDS else "meter")


def _scaled(value: Any, factor: float, unit: str) -> tuple[float, str] | None:
    try:
        size = abs(float(value)) * factor
    except (TypeError, ValueError):
        return None
    return (size, unit) if 0 < size < math.inf else None


def _known(sizes: Mapping[str, tuple[float, str] | None]) -> Spacing:
    return {axis: size for axis, size in sizes.items() if size is not None}

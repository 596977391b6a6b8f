"""Themes of napari's: colours that can be told apart in the light one and in the dark one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

# Of a text on what lies below it, by the Web Content Accessibility Guidelines 2.
_DARK, _LIGHT = "#1e1e21", "#ffffff"


def luminance(colour: Sequence[int]) -> float:
    """Return the relative luminance, 0 to 1, of an sRGB colour whose parts are 0 to 255.

    References
    ----------
    Web Content Accessibility Guidelines 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
    """
    parts = [part / 255 for part in colour[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the contrast ratio of two sRGB colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: Sequence[int]) -> str:
    """Return the colour, as hexadecimal text, in which a text on another is read best."""
    dark = [int(_DARK[at : at + 2], 16) for at in (1, 3, 5)]
    is_dark_better = contrast(colour, dark) > contrast(colour, (255, 255, 255))
    return _DARK if is_dark_better else _LIGHT


def highlight_style(viewer: Viewer) -> str:
    """Return the style of the button to press next."""
    ground = get_theme(viewer.theme).current
    return (
        f"QPushButton {{ background-color: {ground.as_hex()}; "
        f"color: {text_on(ground.as_rgb_tuple())}; font-weight: bold; }}"
    )

"""Classes that label values stand for: their names and colours."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""


@dataclass(frozen=True)
class LabelClasses:
    """What labels stand for.

    Parameters
    ----------
    values : tuple of int
    names : tuple of str
    colours : tuple of (red, green, blue, alpha), each 0 to 1
        Empty if they are not known.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    colours: tuple[tuple[float, ...], ...] = ()

    def name_of(self, value: int) -> str:
        """Return the name of a label value, which is a plain one if none is known."""
        names = dict(zip(self.values, self.names, strict=True))
        return names.get(value, "") or f"class {value}"

    def colour_of(self, value: int) -> Colour | None:
        """Return the colour of a label value, or None if it is not known."""
        if not self.colours or value not in self.values:
            return None
        red, green, blue = (
            round(255 * part) for part in self.colours[self.values.index(value)][:3]
        )
        return red, green, blue

    def is_background(self, value: int) -> bool:
        """Return whether pixels of a label value are what lies around the objects."""
        return value == 0 or self.name_of(value).strip().lower() == "background"

"""Settings classes' common part: ranges, texts, checks and a round trip through JSON.

A field says what it may be and how a control shows it: `Annotated[float, {"label": "Dropout"},
Bounds(0, 1)]`, where the dictionary has magicgui's names. What it is for stands in the docstring.
"""

from __future__ import annotations

import inspect
import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from napari_fcn_crf.input_error import InputError


@dataclass(frozen=True)
class Bounds:
    """The range of a number.

    Parameters
    ----------
    lowest, highest : float
    above, below : bool
        Whether these two themselves are outside.
    """

    lowest: float
    highest: float = math.inf
    above: bool = False
    below: bool = False

    def hold(self, value: Any) -> bool:
        """Return whether a number is within them; NaN is within none."""
        low = value > self.lowest if self.above else value >= self.lowest
        high = value < self.highest if self.below else value <= self.highest
        return bool(low and high)

    @property
    def closed_ends(self) -> dict[str, float]:
        """The "min" and "max" that a number may have, where there are such."""
        ends = {} if self.above else {"min": self.lowest}
        return ends if self.below or self.highest == math.inf else ends | {"max": self.highest}

    @property
    def text(self) -> str:
        """The range in words, to stand behind "a number"."""
        low, high = (
            str(end) if isinstance(end, int) else f"{end:g}" for end in (self.lowest, self.highest)
        )
        from_low = f"above {low}" if self.above else f"of at least {low}"
        if self.highest == math.inf:
            return f"{from_low} and finite" if self.below else from_low
        if not self.above and not self.below:
            return f"from {low} to {high}"
        return f"{from_low} and {'below' if self.below else 'at most'} {high}"


def require(name: str, value: object, holds: bool, expected: str) -> None:
    """Raise a ValueError that names the setting, what it must be and what it was."""
    if not holds:
        # A file may hold anything, of any length.
        raise InputError(f"{name} must be {expected}, but is {reprlib.repr(value)}.")


@dataclass(frozen=True)
class Description:
    """What is known of a setting besides its value.

    Parameters
    ----------
    type : type
        Plain, or a `Literal`.
    text : str
        What it is for.
    default : object
    bounds : Bounds, optional
        Of a number.
    options : dict
        As magicgui takes them: "label", "min", "max", "step", "choices", where there are any.
    """

    type: Any
    text: str
    default: Any
    bounds: Bounds | None
    options: dict[str, Any]

    @property
    def expected(self) -> str:
        """What it must be, to stand behind "must be"; empty if that is not known."""
        if get_origin(self.type) is Literal:
            return "one of " + ", ".join(map(repr, get_args(self.type)))
        if self.bounds is None:
            return ""
        return f"{'a whole number' if self.is_whole else 'a number'} {self.bounds.text}"

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number, where it is any."""
        return self.type is int or int in get_args(self.type)

    def holds(self, value: Any) -> bool:
        """Return whether it may have a value."""
        if get_origin(self.type) is Literal:
            return value in get_args(self.type)
        if self.bounds is None or (value is None and type(None) in get_args(self.type)):
            return True
        return isinstance(value, Integral if self.is_whole else Real) and self.bounds.hold(value)


_known: dict[type[Any], Mapping[str, Description]] = {}


def describe(settings: type[Any]) -> Mapping[str, Description]:
    """Return what is known of each field of a settings class."""
    # Python reads a class's annotations anew each time, in milliseconds, and a dock asks often.
    if settings not in _known:
        _known[settings] = MappingProxyType(_described(settings))
    return _known[settings]


def _described(settings: type[Any]) -> dict[str, Description]:
    hints, texts = get_type_hints(settings, include_extras=True), _texts(settings)
    found = {}
    for field in fields(settings):
        hint, extras = hints[field.name], list[Any]()
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
        bounds = next((extra for extra in extras if isinstance(extra, Bounds)), None)
        options: dict[str, Any] = next((extra for extra in extras if isinstance(extra, dict)), {})
        if bounds is not None:
            options = bounds.closed_ends | options
        text = texts.get(field.name, "")
        found[field.name] = Description(hint, text, field.default, bounds, options)
    return found


def _texts(settings: type[Any]) -> dict[str, str]:
    """Return the text of each parameter in a class's numpydoc docstring."""
    lines = inspect.cleandoc(settings.__doc__ or "").partition("Parameters\n")[2]
    section = re.split(r"\n\n\w+\n-+\n", lines)[0]
    entries = re.findall(r"^(\w+) : .*\n((?:    .*\n?)+)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


class Settings:
    """What the settings classes share."""

    def __post_init__(self) -> None:
        for name, known in describe(type(self)).items():
            value = getattr(self, name)
            require(name, value, known.holds(value), known.expected)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make settings from `to_dict`'s values; names this version does not know are left out.

        Raises
        ------
        ValueError
            If they are no such values; the message says which.
        """
        if not isinstance(values, dict):
            raise InputError(
                f"Settings must be values by name, but {reprlib.repr(values)} was found."
            )
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in known})

"""Controls made from settings: range, title and tip are those that stand beside the default."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from magicgui.widgets import FloatSpinBox, create_widget

from napari_fcn_crf.settings_base import describe

_LINE_CHARACTERS = 70


def tip_of(settings: type[Any], name: str) -> str:
    """Return what a setting is for, in lines: Qt breaks none in a plain text."""
    text = describe(settings)[name].text
    return textwrap.fill(text, _LINE_CHARACTERS, break_on_hyphens=False)


def setting_control(settings: type[Any], name: str, **options: Any) -> Any:
    """Return magicgui's control for a field of a settings class.

    Parameters
    ----------
    settings : type
    name : str
        Of the field.
    **options
        Of the control, such as "widget_type".
    """
    known = describe(settings)[name]
    options = known.options | {"tooltip": tip_of(settings, name)} | options
    label = options.pop("label")
    if known.type is bool:
        # A box has its title behind it.
        options["text"], label = label, ""
    value, kind = known.default, known.type
    if value is None and known.bounds is not None:
        # Which number stands for it, whoever shows it knows.
        value, kind = options["min"], int if known.is_whole else float
    control = create_widget(value=value, annotation=kind, label=label, options=options)
    if isinstance(control, FloatSpinBox) and options.get("min", 0) > 0:
        # Qt rounds to its digits, and would make 0 of the lowest.
        control.native.setDecimals(math.ceil(-math.log10(options["min"])))
        control.min, control.value = options["min"], known.default
    return control

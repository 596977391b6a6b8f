"""Qt widgets' parts that are always there, though Qt's types allow for None."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

Part = TypeVar("Part")


def present(part: Part | None) -> Part:
    """Return a part that Qt has made itself, or that was put there before."""
    if part is None:
        raise TypeError("Expected a part of a widget of ours, but found None.")
    return part


def item_of(combo: QComboBox, row: int) -> QStandardItem:
    """Return an item of a combo box, to disable it or to explain it."""
    model = combo.model()
    if not isinstance(model, QStandardItemModel):
        raise TypeError(f"Expected a combo box with Qt's own model, but found {model!r}.")
    return present(model.item(row))


def label_of(form: QFormLayout, field: QWidget) -> QLabel:
    """Return the label beside a field."""
    label = form.labelForField(field)
    if not isinstance(label, QLabel):
        raise TypeError(f"Expected a label beside {field!r}, but found {label!r}.")
    return label


def row_of(combo: QComboBox, value: object) -> int:
    """Return the row of a combo box whose data are equal to a value; -1 if none are.

    Qt's own search compares objects of Python's by what they are, not by what they hold.
    """
    return next((row for row in range(combo.count()) if combo.itemData(row) == value), -1)

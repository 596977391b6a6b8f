"""Class names in a labels layer: its table of features, which napari's status bar shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari.layers import Labels

from napari_fcn_crf.data.annotation_summary import NO_CLASS

_COLUMN = "class"


def names_in(labels: Labels) -> dict[int, str]:
    """Return what a layer's own table calls its label values; empty if it has none.

    The table has a column "index", of label values, and a column "class".
    """
    table = labels.features
    if not {"index", _COLUMN} <= set(table.columns):
        return {}
    return {
        int(value): str(name)
        for value, name in zip(table["index"], table[_COLUMN], strict=True)
        if str(name) not in ("", NO_CLASS)
    }


def show_names(labels: Labels, values: Iterable[int], name_of: Callable[[int], str]) -> None:
    """Let a layer say what its label values are called."""
    names = {value: name_of(value) for value in values}
    if names and names != names_in(labels):
        labels.features = {"index": list(names), _COLUMN: list(names.values())}

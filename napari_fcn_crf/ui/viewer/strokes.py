"""Strokes on a result, where nothing learns from them: what was painted, and moving it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels

from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.ownership import our_metadata

_painted: WeakKeyDictionary[Labels, list[Any]] = WeakKeyDictionary()
"""What napari's history of each result has told of, stroke after stroke."""


@dataclass(frozen=True)
class Strokes:
    """Pixels that a person has changed in a layer.

    Parameters
    ----------
    pixels : array of int, shape `(n,)`
        Positions in the flattened array.
    before, after : arrays of int, shape `(n,)`
        Their labels.
    """

    pixels: np.ndarray
    before: np.ndarray
    after: np.ndarray


def note_stroke(labels: Labels, history: list[Any]) -> None:
    """Note what a paint event of napari's has told."""
    _painted.setdefault(labels, []).extend(history)


def strokes_on(labels: Labels) -> Strokes:
    """Return what of a layer's strokes is there still: some may be undone, or painted over."""
    pixels, before = [], []
    for change in _painted.get(labels, []):
        found, old = _change(change, labels.data.shape)
        pixels.append(found)
        before.append(old)
    if not pixels:
        nothing = np.zeros(0, np.int64)
        return Strokes(nothing, nothing, nothing)
    # Of a pixel that was painted twice, the first of these was there before.
    each, first = np.unique(np.concatenate(pixels), return_index=True)
    was, now = np.concatenate(before)[first], np.asarray(labels.data).reshape(-1)[each]
    differs = was != now
    return Strokes(each[differs], was[differs], now[differs])


def forget_strokes(labels: Labels) -> None:
    """Leave a layer as it is, and speak of its strokes no more."""
    _painted.pop(labels, None)


def take_back(labels: Labels, strokes: Strokes) -> None:
    """Make a result what it was, so that the next one may replace it."""
    forget_strokes(labels)
    with labels.events.paint.blocker():
        labels.data_setitem(np.unravel_index(strokes.pixels, labels.data.shape), strokes.before)
    our_metadata(labels)["painted"] = False


def paint(labels: Labels, strokes: Strokes, *, also_zero: bool) -> None:
    """Paint another layer's strokes, which napari can undo.

    Raises
    ------
    ValueError
        If the layer cannot hold their labels.
    """
    wanted = np.ones(len(strokes.after), bool) if also_zero else strokes.after != 0
    values, limits = strokes.after[wanted], np.iinfo(labels.data.dtype)
    if values.size and not limits.min <= values.min() <= values.max() <= limits.max:
        raise ValueError(
            f"'{labels.name}' holds labels up to {limits.max}, but {values.max()} was painted. "
            "Convert it to a larger type: right-click it in the layer list."
        )
    shape = layer_array(labels).shape
    labels.data_setitem(np.unravel_index(strokes.pixels[wanted], shape), values)


def _change(change: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of one entry of napari's history, and what they were."""
    if hasattr(change, "slice_key"):
        corner = [part.start or 0 for part in change.slice_key]
        mask = change.mask
        if mask is None:  # everything in the box was changed
            mask = np.ones(change.old_values.shape, bool)
        at = tuple(found + low for found, low in zip(np.nonzero(mask), corner, strict=True))
        old = np.asarray(change.old_values).reshape(-1)
    else:
        at, old, _ = change
        at = tuple(np.asarray(found).reshape(-1) for found in at)
        old = np.asarray(old).reshape(-1)
    return np.ravel_multi_index(at, shape), old

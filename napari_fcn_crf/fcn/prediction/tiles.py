"""Tiles that overlap, for inference without dropout on planes of any size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.layers.observer import prepare_for_any_size
from napari_fcn_crf.fcn.layers.padding import (
    STRIDE_PX,
    padded_window,
    stride_padding,
)
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.prediction.receptive_field import halo_px
from napari_fcn_crf.fcn.prediction.tile_in_hand import in_hand
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.settings import PredictionSettings

LARGEST_SHOWN_PX = 2_000_000
"""Larger planes are not predicted while a network learns."""


def predict_plane(
    network: Any,
    image: Plane,
    settings: PredictionSettings,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of one plane.

    Parameters
    ----------
    network : keras.Model
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        On the 0-255 scale; one tile of it is looked at at a time.
    settings : PredictionSettings
    on_progress : callable, optional
        Called after each tile.
    should_stop : callable, optional
        Asked before each tile, and while it is computed.

    Returns
    -------
    array of float32, shape `(n_classes, rows, columns)`
        Summing to one over the classes.

    Raises
    ------
    Cancelled
        If `should_stop` turned true.
    """
    probabilities = np.empty((network.output_shape[-1], *image.shape[:2]), np.float32)
    margin = tile_margin(network, settings.tile_px)
    for logits, place in values_by_tile(
        network, image, settings.tile_px, margin, on_progress, should_stop
    ):
        rows, columns = place
        probabilities[:, rows, columns] = softmax(logits)
    return probabilities


def values_by_tile(
    network: Any,
    image: Plane,
    tile_px: int,
    margin: int,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[tuple[npt.NDArray[np.float32], tuple[slice, slice]]]:
    """Iterate over what a network makes of a plane, tile by tile.

    Yields
    ------
    values : array of float32, shape `(rows, columns, channels)`
    place : tuple of slice
        The rows and columns of the plane that they are of; together the whole of it, each once.

    Raises
    ------
    Cancelled
        If `should_stop` turned true before a tile.
    """
    shape = image.shape[0], image.shape[1]
    (top, below), (left, behind) = stride_padding(shape)
    rows, columns = shape[0] + top + below, shape[1] + left + behind
    tiles = [
        (row_tile, column_tile)
        for row_tile in tile_spans(rows, tile_px, margin)
        for column_tile in tile_spans(columns, tile_px, margin)
    ]
    (row_in, _), (column_in, _) = tiles[0]
    size = row_in.stop - row_in.start, column_in.stop - column_in.start
    prepare_for_any_size(network)
    with in_hand(should_stop) as compute:
        for done, ((row_in, row_out), (column_in, column_out)) in enumerate(tiles, start=1):
            if should_stop is not None and should_stop():
                raise Cancelled
            tile = padded_window(image, (top, left), (row_in.start, column_in.start), size)
            values = compute(partial(_values, network, tile))
            (row_kept, row_to), (column_kept, column_to) = (
                _without_padding(tile_in, tile_out, before, side)
                for tile_in, tile_out, before, side in (
                    (row_in, row_out, top, shape[0]),
                    (column_in, column_out, left, shape[1]),
                )
            )
            yield values[row_kept, column_kept], (row_to, column_to)
            if on_progress is not None:
                on_progress(Progress("Predicting", done, len(tiles)))


def _values(network: Any, tile: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what the network makes of one tile."""
    values: npt.NDArray[np.float32] = keras.ops.convert_to_numpy(
        network.predict_on_batch(tile[np.newaxis])
    )[0]
    return values


def _without_padding(
    tile_in: slice, tile_out: slice, before: int, side: int
) -> tuple[slice, slice]:
    """Return what is kept of a tile, along one axis, and where in the image that belongs."""
    start, stop = max(tile_out.start, before), min(tile_out.stop, before + side)
    return slice(start - tile_in.start, stop - tile_in.start), slice(start - before, stop - before)


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return probabilities `(n_classes, rows, columns)` of logits `(rows, columns, n_classes)`."""
    scores = np.moveaxis(logits, -1, 0).astype(np.float32)
    exponentials = np.exp(scores - scores.max(axis=0))
    probabilities: npt.NDArray[np.float32] = exponentials / exponentials.sum(axis=0)
    return probabilities


def tile_margin(network: Any, tile_px: int) -> int:
    """Return the pixels at a tile's inner edges that another tile predicts better.

    As many as the network looks beyond, so that a pixel's prediction does not depend on the tiling;
    but no more than a quarter of the tile, so that large tiles stay cheap.
    """
    return min(halo_px(network), tile_px // 4 // STRIDE_PX * STRIDE_PX)


def tile_spans(side: int, tile_px: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Iterate over the tiles of one axis: what goes in, and the part of it that is kept.

    The kept parts cover the axis once; every tile starts at a multiple of 32, where the poolings
    of the whole plane would.
    """
    if side <= tile_px:
        yield slice(0, side), slice(0, side)
        return
    kept_from = 0
    start = 0
    while kept_from < side:
        start = min(start, side - tile_px)
        stop = start + tile_px
        kept_to = side if stop == side else stop - margin
        yield slice(start, stop), slice(kept_from, kept_to)
        kept_from = kept_to
        start = kept_to - margin
